//! Set-up, build, run and test commands of the project.
fn main() {}
