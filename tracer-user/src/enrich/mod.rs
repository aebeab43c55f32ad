//! What user space adds to the kernel's events while it is still there to be asked. Each answer
//! goes into attribution as one more event.

pub mod cgroup;
pub mod connection;
pub mod conntrack;
pub mod counters;
pub mod firewall;
pub mod holders;
pub mod listeners;
pub mod netns;
pub mod process;
pub mod queues;
pub mod route;
pub mod sockets;
pub mod stack;
