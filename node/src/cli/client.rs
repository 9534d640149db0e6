//! Asks a running node, over its Unix socket.
//!
//! One request, one connection: a command asks once or twice. Answers and time are bounded; a node
//! that does not run, may not be asked or does not answer gives an error that says what to do.

use crate::desk::{Actor, Problem};
use crate::http::{BASE, PERSON_HEADER};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// The largest answer that is taken, in bytes.
pub const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for an answer: longer than the node gives itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// Why a node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("the node is not running (nobody answers at {})", .socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error("you may not use the node at {}", .socket.display())]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// Nobody answered in time.
    #[error("the node at {} did not answer within {} seconds", .socket.display(), .waited.as_secs())]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The connection ended, or what came was not HTTP.
    #[error("the node at {} broke off: {why}", .socket.display())]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        why: String,
    },
    /// What came could not be written where it was to go.
    #[error("what the node sent cannot be written ({why})")]
    Unwritten {
        /// What the system said.
        why: String,
    },
    /// The answer was not of the expected form.
    #[error("the node's answer cannot be read ({why})")]
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// The node refused, and said why.
    #[error("{}", .0.detail())]
    Refused(Problem),
}

impl ClientError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NotRunning { .. } => "start it with `csu up`, or name another folder with --data".to_owned(),
            Self::Forbidden { .. } => {
                "run the command as the user who runs the node, or name a group of yours as `socket_group` in csu.toml".to_owned()
            }
            Self::Silent { .. } => "look with `csu status` whether it was done, then ask again".to_owned(),
            Self::Broken { .. } => "look with `csu status` whether the node runs and whether it was done, then ask again".to_owned(),
            Self::Unreadable { .. } => {
                "use the `csu` of the same version as the running node; restart the node after an upgrade".to_owned()
            }
            Self::Unwritten { .. } => "make room, or name another file".to_owned(),
            Self::Refused(problem) => problem.remedy().to_owned(),
        }
    }
}

/// What a node answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body, as it came.
    pub body: Bytes,
    /// The file name it came with, if it was a file.
    pub file_name: Option<String>,
}

impl Answer {
    /// The body as one of the types of [`crate::desk`].
    ///
    /// # Errors
    /// When it is of another form.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| ClientError::Unreadable { why: error.to_string() })
    }
}

/// Asks one node.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    actor: Actor,
    timeout: Duration,
}

impl Client {
    /// Asks the node whose socket this is, as `actor`.
    #[must_use]
    pub fn new(socket: &Path, actor: Actor) -> Self {
        Self { socket: socket.to_owned(), actor, timeout: ANSWER_TIMEOUT }
    }

    /// The same client, waiting no longer than this for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Who asks.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Asks for something: `path` begins behind `/api/v1`, with its parts encoded by [`segment`].
    ///
    /// # Errors
    /// When nobody answers, or the node refuses.
    pub async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.call(Method::GET, path, None, Bytes::new()).await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When nobody answers, or the node refuses.
    pub async fn post<T: Serialize + Sync>(&self, path: &str, body: &T) -> Result<Answer, ClientError> {
        self.call(Method::POST, path, Some("application/json"), json(body)?).await
    }

    /// Replaces something by JSON.
    ///
    /// # Errors
    /// When nobody answers, or the node refuses.
    pub async fn put<T: Serialize + Sync>(&self, path: &str, body: &T) -> Result<Answer, ClientError> {
        self.call(Method::PUT, path, Some("application/json"), json(body)?).await
    }

    /// Removes something.
    ///
    /// # Errors
    /// When nobody answers, or the node refuses.
    pub async fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        self.call(Method::DELETE, path, None, Bytes::new()).await
    }

    /// Sends a file.
    ///
    /// # Errors
    /// When nobody answers, or the node refuses.
    pub async fn post_file(&self, path: &str, bytes: Vec<u8>) -> Result<Answer, ClientError> {
        self.call(Method::POST, path, Some("application/octet-stream"), Bytes::from(bytes)).await
    }

    /// Asks for something of any length, and hands it over as it comes.
    ///
    /// # Errors
    /// When nobody answers, the node refuses or breaks off, or what came cannot be written. Part of it may
    /// have been handed over then.
    pub async fn download(&self, path: &str, take: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), ClientError> {
        let silent = |_| ClientError::Silent { socket: self.socket.clone(), waited: self.timeout };
        let request = self.request(Method::GET, path, None, Bytes::new())?;
        let stream = self.connect().await?;
        let response = tokio::time::timeout(self.timeout, self.send(stream, request)).await.map_err(silent)??;
        if !response.status().is_success() {
            return self.whole(response).await.map(drop);
        }
        let mut body = response.into_body();
        while let Some(frame) = tokio::time::timeout(self.timeout, body.frame()).await.map_err(silent)? {
            if let Ok(bytes) = frame.map_err(|error| self.broken(error))?.into_data() {
                take(&bytes).map_err(|error| ClientError::Unwritten { why: error.to_string() })?;
            }
        }
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, kind: Option<&'static str>, body: Bytes) -> Result<Answer, ClientError> {
        let request = self.request(method, path, kind, body)?;
        let stream = self.connect().await?;
        let exchange = async { self.whole(self.send(stream, request).await?).await };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Silent { socket: self.socket.clone(), waited: self.timeout }),
        }
    }

    fn request(&self, method: Method, path: &str, kind: Option<&'static str>, body: Bytes) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(method).uri(format!("{BASE}{path}")).header(header::HOST, "csu");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(person) = self.actor.person()
            && let Ok(person) = HeaderValue::from_bytes(person.as_bytes())
        {
            request = request.header(PERSON_HEADER, person);
        }
        request.body(Full::new(body)).map_err(|error| self.broken(error))
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let socket = self.socket.clone();
        match tokio::time::timeout(CONNECT_TIMEOUT, UnixStream::connect(&self.socket)).await {
            Err(_) => Err(ClientError::Silent { socket, waited: CONNECT_TIMEOUT }),
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Err(ClientError::NotRunning { socket })
            }
            Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => Err(ClientError::Forbidden { socket }),
            Ok(Err(error)) => Err(self.broken(error)),
        }
    }

    async fn send(&self, stream: UnixStream, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| self.broken(e))?;
        // Ends with the sender or the other side; its error is the one that the request sees.
        tokio::spawn(async move { connection.await.ok() });
        sender.send_request(request).await.map_err(|error| self.broken(error))
    }

    /// The whole of an answer, if it is not too large.
    async fn whole(&self, response: Response<Incoming>) -> Result<Answer, ClientError> {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| self.broken(error))?.to_bytes();
        if !parts.status.is_success() {
            let problem = serde_json::from_slice(&body).unwrap_or_else(|_| {
                Problem::of_http(parts.status.as_u16(), "Refused", format!("the node answered {}", parts.status), "see the node's log")
            });
            return Err(ClientError::Refused(problem));
        }
        let disposition = parts.headers.get(header::CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
        let file_name = disposition.and_then(|text| text.split("filename=\"").nth(1)?.strip_suffix('"')).map(str::to_owned);
        Ok(Answer { body, file_name })
    }

    fn broken(&self, why: impl std::fmt::Display) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), why: why.to_string() }
    }
}

fn json<T: Serialize>(body: &T) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| ClientError::Unreadable { why: error.to_string() })
}

/// A text as one part of a path, or one value of a query.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A query such as `?kind=bulletin&limit=5` of a type of [`crate::desk`] whose fields are texts and numbers.
#[must_use]
pub fn query<T: Serialize>(of: &T) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(of) else {
        return String::new();
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={}", segment(text)),
            None => format!("{name}={}", segment(&value.to_string())),
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::LogQuery;

    #[tokio::test]
    async fn when_nobody_listens_the_answer_names_csu_up() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(&folder.path().join("csu.sock"), Actor::unnamed());
        let error = client.get("/status").await.unwrap_err();
        assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
        assert!(error.remedy().contains("csu up"));
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("csu.sock")).unwrap());
        assert!(matches!(client.get("/status").await, Err(ClientError::NotRunning { .. })), "a killed node's socket");
    }

    #[tokio::test]
    async fn a_node_that_says_nothing_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("csu.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let client = Client::new(&path, Actor::unnamed()).with_timeout(Duration::from_millis(50));
        assert!(matches!(client.get("/status").await, Err(ClientError::Silent { .. })));
    }

    #[test]
    fn texts_are_encoded_as_parts_of_an_address() {
        assert_eq!(segment("Mill Road/é?"), "Mill%20Road%2F%C3%A9%3F");
        let asked = LogQuery { who: Some("a&b".into()), limit: Some(5), ..LogQuery::default() };
        assert_eq!(query(&asked), "?limit=5&who=a%26b");
        assert_eq!(query(&LogQuery::default()), "");
    }
}
