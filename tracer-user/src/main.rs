//! tcpwhy
fn main(){}
