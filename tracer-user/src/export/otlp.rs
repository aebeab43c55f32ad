//! OTLP/JSON: log records with OpenTelemetry's semantic names. A line holds one `LogsData`, as the
//! OTLP file exporter's lines do, and as a collector takes it at `/v1/logs`.
//!
//! Names that OpenTelemetry has no word for stand below `tcpwhy.`, named as in the trace.

mod value;

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use self::value::{Attributes, any};
use super::{Export, Format};
use crate::{
    clock::utc_ns,
    record::{Header, Record, SCHEMA},
};

/// `--to otlp-json`.
pub static FORMAT: Format = Format {
    name: "otlp-json",
    text,
    new: |out| {
        Box::new(Otlp {
            out,
            header: None,
            resource: false,
            records: 0,
        })
    },
};

/// A line holds at most so many log records.
pub const RECORDS_A_LINE: u32 = 10_000;
/// The version of the semantic conventions that the names are from.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

struct Otlp {
    out: Box<dyn Write + Send>,
    header: Option<Box<Header>>,
    /// A resource is open, and its log records go on.
    resource: bool,
    /// Log records in the line so far, of all its resources.
    records: u32,
}

/// The log record of a failure, a connection or an event.
fn text(record: &Record, _: Option<&Header>) -> io::Result<Vec<u8>> {
    let name = match record {
        Record::Failure(_) => "tcpwhy.failure",
        Record::Connection(_) => "tcpwhy.connection",
        Record::Event(_) => "tcpwhy.event",
        _ => return Ok(Vec::new()),
    };
    match serde_json::to_value(record)? {
        Value::Object(fields) => log_record(name, fields),
        _ => Ok(Vec::new()),
    }
}

impl Export for Otlp {
    fn record(&mut self, record: &Record, text: &[u8]) -> io::Result<()> {
        if let Record::Header(header) = record {
            self.header = Some(header.clone());
            return self.close_resource();
        }
        if text.is_empty() {
            return Ok(());
        }
        if self.records == RECORDS_A_LINE {
            self.close_line()?;
        }
        if self.resource {
            self.out.write_all(b",")?;
        } else {
            self.open_resource()?;
        }
        self.out.write_all(text)?;
        self.records += 1;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.records == 0 {
            self.out.write_all(b"{\"resourceLogs\":[]}\n")?;
        } else {
            self.close_line()?;
        }
        self.out.flush()
    }
}

impl Otlp {
    fn open_resource(&mut self) -> io::Result<()> {
        let opening = if self.records == 0 {
            r#"{"resourceLogs":["#
        } else {
            ","
        };
        self.out.write_all(opening.as_bytes())?;
        let header = self.header.as_deref();
        self.out.write_all(br#"{"resource":{"attributes":"#)?;
        self.out.write_all(&resource(header)?)?;
        self.out.write_all(br#"},"scopeLogs":[{"scope":"#)?;
        let version = header.map_or("", |header| header.version.as_str());
        let scope = json!({"name": "tcpwhy", "version": version});
        serde_json::to_writer(&mut self.out, &scope)?;
        self.out.write_all(br#","logRecords":["#)?;
        self.resource = true;
        Ok(())
    }

    fn close_resource(&mut self) -> io::Result<()> {
        if self.resource {
            self.resource = false;
            write!(
                self.out,
                r#"],"schemaUrl":"{SCHEMA_URL}"}}],"schemaUrl":"{SCHEMA_URL}"}}"#
            )?;
        }
        Ok(())
    }

    fn close_line(&mut self) -> io::Result<()> {
        self.close_resource()?;
        self.records = 0;
        self.out.write_all(b"]}\n")
    }
}

/// The attributes of the host that the records are from.
fn resource(header: Option<&Header>) -> io::Result<Vec<u8>> {
    let mut attributes = Attributes::new(Vec::new());
    attributes.text("service.name", "tcpwhy")?;
    attributes.text("os.type", "linux")?;
    attributes.text("tcpwhy.schema", SCHEMA)?;
    if let Some(header) = header {
        attributes.text("service.version", &header.version)?;
        attributes.text("host.name", &header.host)?;
        attributes.text("os.description", &format!("Linux {}", header.kernel))?;
        attributes.text("tcpwhy.kernel", &header.kernel)?;
        attributes.text("tcpwhy.boot_id", &header.boot_id)?;
    }
    Ok(attributes.end())
}

/// `LogRecord` of logs.proto: those of a record's fields that OpenTelemetry has names for, then all
/// others.
fn log_record(event_name: &str, mut fields: Map<String, Value>) -> io::Result<Vec<u8>> {
    fields.remove("type");
    // Of use to a replay only.
    fields.remove("wire");
    let time = fields.remove("time");
    let time = time.as_ref().and_then(Value::as_str).and_then(utc_ns);
    // 0 means unknown.
    let time = time.filter(|&ns| ns > 0).unwrap_or(0);
    let (number, severity) = severity(fields.remove("severity").as_ref());
    let mut out = Vec::with_capacity(4096);
    write!(
        out,
        r#"{{"timeUnixNano":"{time}","observedTimeUnixNano":"{time}","severityNumber":{number},"severityText":"{severity}","eventName":"{event_name}","body":"#
    )?;
    any(&mut out, &fields.remove("summary").unwrap_or_default())?;
    out.extend(br#","attributes":"#);
    let mut attributes = Attributes::new(out);
    attributes.take(&mut fields, "cause", "error.type")?;
    attributes.text("network.transport", "tcp")?;
    if let Some(Value::Object(socket)) = fields.remove("socket") {
        socket_attributes(socket, &mut attributes)?;
    }
    if let Some(Value::Object(process)) = fields.remove("process") {
        process_attributes(process, &mut attributes)?;
    }
    if let Some(Value::Object(tcp)) = fields.get_mut("tcp")
        && let Some(state) = tcp.remove("state").as_ref().and_then(Value::as_str)
    {
        attributes.text("network.connection.state", &connection_state(state))?;
    }
    attributes.rest("tcpwhy", &fields)?;
    let mut out = attributes.end();
    out.push(b'}');
    Ok(out)
}

/// Number and text (`SeverityNumber` of logs.proto). Events have no severity of their own.
fn severity(severity: Option<&Value>) -> (u8, &'static str) {
    match severity.and_then(Value::as_str) {
        Some("critical") => (17, "ERROR"),
        Some("warning") => (13, "WARN"),
        Some(_) => (9, "INFO"),
        None => (5, "DEBUG"),
    }
}

fn socket_attributes(
    mut socket: Map<String, Value>,
    attributes: &mut Attributes,
) -> io::Result<()> {
    attributes.take(&mut socket, "family", "network.type")?;
    for (end, address, port) in [
        ("local", "network.local.address", "network.local.port"),
        ("remote", "network.peer.address", "network.peer.port"),
    ] {
        if let Some(Value::Object(mut end)) = socket.remove(end) {
            attributes.take(&mut end, "addr", address)?;
            attributes.take(&mut end, "port", port)?;
        }
    }
    attributes.rest("tcpwhy.socket", &socket)
}

fn process_attributes(
    mut process: Map<String, Value>,
    attributes: &mut Attributes,
) -> io::Result<()> {
    let exe = process.get("exe").and_then(Value::as_str);
    if let Some((_, base)) = exe.and_then(|exe| exe.rsplit_once('/')) {
        attributes.text("process.executable.name", base)?;
    }
    for (field, name) in [
        ("pid", "process.pid"),
        ("ns_pid", "process.vpid"),
        ("ppid", "process.parent_pid"),
        ("exe", "process.executable.path"),
        ("cmdline", "process.command_line"),
        ("uid", "process.user.id"),
        ("cgroup", "process.linux.cgroup"),
        ("tid", "thread.id"),
        ("thread_comm", "thread.name"),
        ("container", "container.id"),
        ("container_runtime", "container.runtime.name"),
        ("pod_uid", "k8s.pod.uid"),
    ] {
        attributes.take(&mut process, field, name)?;
    }
    attributes.rest("tcpwhy.process", &process)
}

/// The convention's names of RFC 9293's states, by the kernel's.
fn connection_state(state: &str) -> String {
    match state {
        "CLOSE" => "closed".to_owned(),
        "FIN_WAIT1" => "fin_wait_1".to_owned(),
        "FIN_WAIT2" => "fin_wait_2".to_owned(),
        "SYN_RECV" | "NEW_SYN_RECV" => "syn_received".to_owned(),
        other => other.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::exported, show::sample};

    fn documents(records: &[Record]) -> Vec<Value> {
        exported(&FORMAT, records)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn attributes(of: &Value) -> Map<String, Value> {
        let attributes = of["attributes"].as_array().unwrap();
        let named = attributes.iter().map(|attribute| {
            let name = attribute["key"].as_str().unwrap().to_owned();
            (name, attribute["value"].clone())
        });
        let map: Map<_, _> = named.collect();
        assert_eq!(map.len(), attributes.len(), "a name stands twice");
        map
    }

    #[test]
    fn uses_the_names_of_the_conventions() {
        let documents = documents(&sample::records());
        assert_eq!(documents.len(), 1);
        let logs = &documents[0]["resourceLogs"][0];
        let host = attributes(&logs["resource"]);
        assert_eq!(host["host.name"], json!({"stringValue": "host"}));
        let records = logs["scopeLogs"][0]["logRecords"].as_array().unwrap();
        assert_eq!(records.len(), 3);
        let failure = &records[0];
        assert_eq!(failure["timeUnixNano"], json!("1795458662123456789"));
        assert_eq!(failure["severityNumber"], json!(13));
        assert_eq!(failure["eventName"], json!("tcpwhy.failure"));
        let facts = attributes(failure);
        for (name, value) in [
            ("error.type", json!({"stringValue": "firewall-drop"})),
            ("network.transport", json!({"stringValue": "tcp"})),
            ("network.type", json!({"stringValue": "ipv4"})),
            ("network.peer.address", json!({"stringValue": "10.9.1.1"})),
            ("network.peer.port", json!({"intValue": "443"})),
            ("network.local.port", json!({"intValue": "43210"})),
            (
                "network.connection.state",
                json!({"stringValue": "syn_sent"}),
            ),
            ("process.pid", json!({"intValue": "4242"})),
            ("process.executable.name", json!({"stringValue": "curl"})),
            ("tcpwhy.errno", json!({"stringValue": "ETIMEDOUT"})),
            ("tcpwhy.timing.elapsed_us", json!({"intValue": "3100000"})),
            ("tcpwhy.socket.netns", json!({"intValue": "4026531840"})),
        ] {
            assert_eq!(facts[name], value, "{name}");
        }
        assert!(!facts.contains_key("tcpwhy.summary"));
    }

    #[test]
    fn each_host_is_a_resource() {
        let records = [sample::records(), sample::records()].concat();
        let documents = documents(&records);
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0]["resourceLogs"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_line_is_bounded() {
        let many = usize::try_from(RECORDS_A_LINE).unwrap() + 1;
        let records = vec![sample::record(); many];
        let documents = documents(&records);
        let counts: Vec<_> = documents
            .iter()
            .map(|line| &line["resourceLogs"][0]["scopeLogs"][0]["logRecords"])
            .map(|records| records.as_array().unwrap().len())
            .collect();
        assert_eq!(counts, [many - 1, 1]);
    }

    #[test]
    fn nothing_is_a_document_too() {
        assert_eq!(documents(&[]), [json!({"resourceLogs": []})]);
    }
}
