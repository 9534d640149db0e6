//! A browser without a screen: HTTP over loopback, the cookie that a node gave, and forms as browsers send them.

use crate::node::PATIENCE;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Where it leads.
    pub to: Option<String>,
    /// Its headers, in small letters, and its text.
    pub head: String,
    /// Its text.
    pub text: String,
}

/// One browser.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    port: u16,
    cookie: Option<String>,
}

/// A value in a form, encoded.
#[must_use]
pub fn encoded(text: &str) -> String {
    csu_node::cli::client::segment(text)
}

impl Browser {
    /// A browser that is about to look at pages at this address, as `csu status` tells it.
    ///
    /// # Panics
    /// When it is no address of pages on this computer.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let rest = address.strip_prefix("http://localhost:").expect("an address on this computer");
        let port = rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { port, cookie: None }
    }

    /// The cookie it holds, as `name=value`.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Holds this cookie in the place of its own.
    pub fn hold(&mut self, cookie: &str) {
        self.cookie = Some(cookie.to_owned());
    }

    /// Looks at a page, and follows nothing.
    pub fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, "", "")
    }

    /// Sends a form from a page of the same node, and follows nothing.
    pub fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let origin = format!("origin: http://localhost:{}\r\nsec-fetch-site: same-origin\r\n", self.port);
        self.post_with(path, form, &origin)
    }

    /// The same with these header lines in the place of those that say where it comes from.
    pub fn post_with(&mut self, path: &str, form: &[(&str, &str)], headers: &str) -> Page {
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send("POST", path, headers, &body.join("&"))
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Page {
        let cookie = self.cookie.as_ref().map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        let kind = "application/x-www-form-urlencoded";
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost:{}\r\nconnection: close\r\n{cookie}{headers}content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("pages are offered");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(request.as_bytes()).expect("a request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8(answer).expect("pages are text");
        let (head, text) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        if let Some(set) = line("set-cookie: ") {
            let pair = set.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned()).filter(|_| !set.contains("Max-Age=0"));
        }
        Page { status, to: line("location: "), head: head.to_lowercase(), text: text.to_owned() }
    }
}
