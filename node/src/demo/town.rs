//! The demo's nodes: processes, folders, and what each is asked.

use super::{DemoError, PATIENCE};
use crate::cli::client::{Client, ClientError, segment};
use crate::desk::{AccountLink, AccountRequest, Actor, Document, DraftRequest, LogLine, Peer, Recipient, Roles, Status, StepRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How often a node is asked again while something is on its way.
const PAUSE: Duration = Duration::from_millis(20);

/// One organisation's node.
#[derive(Debug)]
pub(super) struct Node {
    name: &'static str,
    data: PathBuf,
    program: PathBuf,
    client: Client,
    process: Option<Child>,
}

/// The demo's organisations.
#[derive(Debug)]
pub(super) struct Town {
    folder: PathBuf,
    program: PathBuf,
    nodes: Vec<Node>,
    begun: Instant,
}

impl Town {
    pub(super) fn new(folder: PathBuf, program: PathBuf) -> Self {
        Self { folder, program, nodes: Vec::new(), begun: Instant::now() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Makes an organisation and starts its node.
    pub(super) async fn settle(&mut self, name: &'static str, kind: &str, folder: &str) -> Result<(), DemoError> {
        let data = self.folder.join(folder);
        let phrase = self.folder.join(format!("{folder}-recovery-phrase.txt"));
        let mut init = Command::new(&self.program);
        init.args(["init", "--name", name, "--kind", kind, "--non-interactive", "--phrase-file"]).arg(&phrase).arg("--data").arg(&data);
        clean(&mut init);
        let made = init.output().await.map_err(|why| DemoError::System { what: "starting `csu init`", why })?;
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            return Err(DemoError::Process { who: name.to_owned(), why });
        }
        let actor = Actor::named("the demo").unwrap_or_default();
        let client = Client::new(&data.join("csu.sock"), actor);
        let mut node = Node { name, data, program: self.program.clone(), client, process: None };
        node.start().await?;
        self.nodes.push(node);
        Ok(())
    }

    pub(super) async fn stop(&mut self) {
        for node in &mut self.nodes {
            node.stop().await;
        }
    }

    pub(super) fn node(&self, index: usize) -> Result<&Node, DemoError> {
        self.nodes.get(index).ok_or_else(nobody)
    }

    pub(super) fn node_mut(&mut self, index: usize) -> Result<&mut Node, DemoError> {
        self.nodes.get_mut(index).ok_or_else(nobody)
    }
}

fn nobody() -> DemoError {
    DemoError::Process { who: "the demo".to_owned(), why: "there is no such node".to_owned() }
}

/// The demo's nodes take nothing from this terminal's settings.
fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CSU_")) {
        command.env_remove(name);
    }
    // Any port that is free: an operator may run a node of their own on the usual one.
    command.env("CSU_WEB", "127.0.0.1:0").stdin(Stdio::null()).kill_on_drop(true);
}

impl Node {
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Starts the process and waits until it answers.
    pub(super) async fn start(&mut self) -> Result<(), DemoError> {
        let log = self.data.join("node.log");
        let open = std::fs::OpenOptions::new().create(true).append(true).open(&log);
        let output = open.map_err(|why| DemoError::System { what: "writing a node's log", why })?;
        let errors = output.try_clone().map_err(|why| DemoError::System { what: "writing a node's log", why })?;
        let mut up = Command::new(&self.program);
        up.args(["up", "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--listen", "/ip4/127.0.0.1/tcp/0", "--data"])
            .arg(&self.data);
        clean(&mut up);
        up.stdout(output).stderr(errors);
        let mut process = up.spawn().map_err(|why| DemoError::System { what: "starting `csu up`", why })?;
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = process.try_wait() {
                return Err(self.ended(&log, &status.to_string()));
            }
            match self.get::<Status>("/status").await {
                Ok(_) => break,
                Err(_) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
        self.process = Some(process);
        Ok(())
    }

    fn ended(&self, log: &Path, status: &str) -> DemoError {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        DemoError::Process { who: self.name.to_owned(), why: format!("ended ({status}): {}", last.join(" / ")) }
    }

    /// Stops the process in good order, or ends it if it does not.
    pub(super) async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let asked = self.client.post("/shutdown", &serde_json::json!({})).await;
        let ended = tokio::time::timeout(Duration::from_secs(10), process.wait()).await;
        if asked.is_err() || ended.is_err() {
            // It is ours, and it did not stop when asked. If it is gone already, so much the better.
            process.kill().await.ok();
        }
    }

    fn refused(&self, error: ClientError) -> DemoError {
        DemoError::Refused { who: self.name.to_owned(), error }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DemoError> {
        let answer = self.client.get(path).await.map_err(|error| self.refused(error))?;
        answer.read().map_err(|error| self.refused(error))
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, DemoError> {
        let answer = self.client.post(path, body).await.map_err(|error| self.refused(error))?;
        answer.read().map_err(|error| self.refused(error))
    }

    /// Makes an account that may do everything, and the link by which somebody at a browser chooses its password.
    pub(super) async fn link(&self) -> Result<String, DemoError> {
        let request = AccountRequest { name: "Demo Visitor".to_owned(), roles: Roles::every() };
        let link: AccountLink = self.post("/accounts", &request).await?;
        Ok(link.address)
    }

    /// What a request is refused with, if it is.
    pub(super) async fn refusal(&self, path: &str, body: &(impl Serialize + Sync)) -> Option<ClientError> {
        self.client.post(path, body).await.err()
    }

    pub(super) async fn text(&self, path: &str) -> Result<String, DemoError> {
        let answer = self.client.get(path).await.map_err(|error| self.refused(error))?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    pub(super) async fn import(&self, name: &str, file: &str) -> Result<crate::desk::Imported, DemoError> {
        let path = format!("/import/cap?name={}", segment(name));
        let answer = self.client.post_file(&path, file.as_bytes().to_vec()).await.map_err(|error| self.refused(error))?;
        answer.read().map_err(|error| self.refused(error))
    }

    pub(super) async fn draft(&self, kind: &str, assign: &[&str], to: &[(&str, csu_protocol::entry::Role)]) -> Result<Document, DemoError> {
        let to = to.iter().map(|(who, role)| Recipient { who: (*who).to_owned(), role: Some(*role), until: None }).collect();
        let assign = assign.iter().map(|text| (*text).to_owned()).collect();
        self.post("/documents", &DraftRequest { kind: kind.to_owned(), assign, to, ..DraftRequest::default() }).await
    }

    pub(super) async fn step(&self, reference: &str, verb: &str, request: &StepRequest) -> Result<Document, DemoError> {
        self.post(&format!("/documents/{}/steps/{verb}", segment(reference)), request).await
    }

    pub(super) async fn document(&self, reference: &str) -> Result<Document, DemoError> {
        self.get(&format!("/documents/{}", segment(reference))).await
    }

    pub(super) async fn peer(&self, name: &str) -> Result<Peer, DemoError> {
        let peers: Vec<Peer> = self.get("/peers").await?;
        let found = peers.into_iter().find(|peer| peer.organisation.name == name);
        found.ok_or_else(|| DemoError::Difference { who: self.name.to_owned(), what: format!("{name} is no neighbour yet") })
    }

    pub(super) async fn log(&self, reference: &str, verb: &str) -> Result<Vec<LogLine>, DemoError> {
        self.get(&format!("/log?document={}&verb={verb}", segment(reference))).await
    }

    /// Asks again until a node's document is as it should be; how long it took.
    pub(super) async fn until(
        &self,
        reference: &str,
        what: &str,
        is: impl Fn(&Document) -> bool,
    ) -> Result<(Document, Duration), DemoError> {
        let begun = Instant::now();
        loop {
            let found = self.document(reference).await;
            let last = match found {
                Ok(document) if is(&document) => return Ok((document, begun.elapsed())),
                Ok(document) => format!("found it {} with {}", document.state, Value::Object(document.fields)),
                Err(DemoError::Refused { error: ClientError::Refused(problem), .. }) if problem.status() == 404 => {
                    "it never arrived".to_owned()
                }
                Err(error) => return Err(error),
            };
            if begun.elapsed() > PATIENCE {
                return Err(DemoError::Difference { who: self.name.to_owned(), what: format!("{what}: expected, but {last}") });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
