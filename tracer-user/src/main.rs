//! tcpwhy
use tracer_user::*;
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let t = std::time::Instant::now();
    let kernel = kernel::Kernel::running()?;
    eprintln!("kernel {:?}", t.elapsed());
    let hooks = hook::start(&kernel, &hook::Options::default())?;
    eprintln!("hooks {:?} {:?} {:?}", t.elapsed(), hooks.attached, hooks.degraded);
    let mut s = session::Session::new(hooks, decode::Names::new(kernel.reasons.clone()), session::Wanted{connections:false, events: std::env::var("EV").is_ok()}, 65536)?;
    eprintln!("tcpwhy: ready");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(std::env::args().nth(1).unwrap().parse()?);
    let mut show = |r: record::Record| { println!("{}", serde_json::to_string(&r)?); Ok(()) };
    while std::time::Instant::now() < end { s.wait().await?; s.step(&mut show)?; }
    s.finish(&mut show)?;
    println!("{}", serde_json::to_string(&s.ledger()?)?);
    Ok(())
}
