//! Asks a running node how it is and which bulletins it holds, over its Unix socket.
//!
//! ```text
//! cargo run --release -p csu-examples --example api_client -- PATH/OF/THE/SOCKET
//! ```
//!
//! `csu status` prints where the socket is. Only the node's owner, or the group named in its settings, may open it: that is all
//! the authentication there is, and all it needs. The API is HTTP with JSON; any HTTP client that can use a Unix socket will do,
//! for instance `curl --unix-socket PATH http://localhost/api/v1/status`. This one needs nothing but the standard library.

use serde_json::Value;
use std::error::Error;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A node that says nothing for so long is stuck.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than the API ever answers at a time; a client keeps bounds too.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let socket = std::env::args_os().nth(1).ok_or("name the node's socket as the only argument")?;
    let socket = Path::new(&socket);

    let status = get(socket, "/api/v1/status")?;
    println!("{}: {}", text(&status["organisation"]["name"]), text(&status["summary"]));

    // Lists come in pages: `next` is where to go on, and there is none on the last page.
    let mut cursor = None;
    let mut bulletins = 0;
    loop {
        let page = get(socket, &format!("/api/v1/documents?kind=bulletin&limit=50{}", cursor.as_deref().unwrap_or_default()))?;
        for line in page["items"].as_array().into_iter().flatten() {
            bulletins += 1;
            println!(
                "{:<12} {:<10} {:<12} {} ({})",
                text(&line["reference"]),
                text(&line["state"]),
                text(&line["marking"]),
                text(&line["title"]),
                text(&line["owner"]["name"]),
            );
        }
        match page["next"].as_str() {
            Some(next) => cursor = Some(format!("&cursor={}", escaped(next))),
            None => break,
        }
    }
    println!("{bulletins} bulletins");
    Ok(())
}

/// A text of an answer, made safe to print: what others wrote must not move the cursor.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A value for the query of an address.
fn escaped(value: &str) -> String {
    value.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// One request, one connection, one answer.
fn get(socket: &Path, address: &str) -> Result<Value, Box<dyn Error>> {
    let mut stream = UnixStream::connect(socket).map_err(|why| format!("{}: {why}; is the node up (`csu up`)?", socket.display()))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {address} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n\r\n")?;

    // `Connection: close` makes the end of the stream the end of the answer.
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut bytes)?;
    let answer = String::from_utf8(bytes)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is cut short")?;
    let status = head.split_whitespace().nth(1).ok_or("the answer has no status")?;
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Err("the answer comes in chunks, which this small client does not read".into());
    }
    let value: Value = serde_json::from_str(body)?;
    if status == "200" {
        return Ok(value);
    }
    // RFC 9457: every refusal says what is wrong, and ours also what to do about it.
    Err(format!("{address}: {} {} {}", text(&value["title"]), text(&value["detail"]), text(&value["remedy"])).into())
}
