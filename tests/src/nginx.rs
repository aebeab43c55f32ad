//! The configuration of an nginx that leaves nothing outside its own folder.

use std::path::Path;

/// A whole configuration: so many workers, and what stands in `http`.
pub(crate) fn configuration(home: &Path, workers: u32, http: &str) -> String {
    let home = home.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {home}/{kind};\n"))
        .concat();
    format!(
        "worker_processes {workers};
         pid {home}/pid;
         error_log {home}/error.log;
         events {{}}
         http {{
             access_log off;
             {temporary}
             {http}
         }}"
    )
}
