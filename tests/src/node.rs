//! One node: a data folder, its process, and the ways to ask it.

use crate::history::Dice;
use csu_node::cli::client::{Client, ClientError, segment};
use csu_node::desk::{Actor, Document, HistoryLine, LogLine, Peer, Status};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Far more than it takes.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of a log that a failure shows.
const TAIL: usize = 40;

/// The `csu` under test: what `CSU_TEST_BIN` names, or else the one built beside this test.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CSU_TEST_BIN") {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "CSU_TEST_BIN names {}, which is no file: build it with `cargo build`", named.display());
        return named;
    }
    let own = std::env::current_exe().expect("this test knows its own place");
    // A program such as `bench` stands beside target/PROFILE/csu, a test in target/PROFILE/deps.
    let profile = own.parent().expect("a program stands in a folder");
    let profile = if profile.ends_with("deps") { profile.parent().expect("this test was built by cargo") } else { profile };
    let built = profile.join("csu");
    assert!(built.is_file(), "{} was not built: type `cargo build` (or `cargo build --release`) first, or use tests/run", built.display());
    built
}

/// A command that takes nothing from the settings of whoever runs the tests.
#[must_use]
pub fn command() -> Command {
    command_of(program())
}

fn command_of(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CSU_")) {
        command.env_remove(name);
    }
    // Nodes of tests have no pages unless they want some: all would want the same port.
    command.env("CSU_WEB", "off");
    command.env_remove("VISUAL").env("USER", "tester").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a line of the shell on a terminal of its own, by `script` of util-linux, with these bytes typed ahead.
///
/// # Panics
/// When there is no `script`, or the command does not end.
#[track_caller]
#[must_use]
pub fn on_a_terminal(line: &str, typed: &[u8], variables: &[(&str, &str)]) -> Ran {
    use std::io::{Seek, Write};
    let mut script = Command::new("script");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CSU_")) {
        script.env_remove(name);
    }
    let mut input = tempfile::tempfile().expect("a temporary file");
    input.write_all(typed).and_then(|()| input.rewind()).expect("a temporary file can be written");
    script.args(["--quiet", "--return", "--command", line, "/dev/null"]).envs(variables.iter().copied()).env("TERM", "dumb");
    script.env_remove("VISUAL").stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ran::of(script)
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    line: String,
}

impl Ran {
    /// Runs a command to its end, at most for [`PATIENCE`].
    ///
    /// # Panics
    /// When it cannot be started or does not end.
    #[track_caller]
    #[must_use]
    pub fn of(mut command: Command) -> Self {
        let line = format!("{:?}", command.get_args().collect::<Vec<_>>());
        let mut child = command.spawn().expect("csu can be started");
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() > until {
                child.kill().expect("a child can be killed");
                panic!("csu {line} did not end: {}", err.join().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let read = |reader: std::thread::JoinHandle<String>| reader.join().unwrap_or_default();
        Self { code: status.code(), stdout: read(out), stderr: read(err), line }
    }

    /// What it printed, if it did what it was asked.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "csu {} failed: {}{}", self.line, self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "csu {}: {}", self.line, self.stderr);
        self
    }

    /// That it was refused: exit code 1, all these words, a remedy, no panic.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn refused(self, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "csu {} was not refused: {}{}", self.line, self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "csu {}: {}", self.line, self.stderr);
        let told = self.stderr.contains("what to do: ") || self.stderr.contains("\"remedy\": \"");
        assert!(told, "csu {} names no remedy: {}", self.line, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "csu {} does not say '{word}': {}", self.line, self.stderr);
        }
        self
    }

    /// What it printed, as JSON.
    ///
    /// # Panics
    /// When it failed, or printed none.
    #[track_caller]
    pub fn json(self) -> Value {
        let ran = self.good();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("csu {} printed no JSON ({error}): {}", ran.line, ran.stdout))
    }
}

fn drain(stream: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut bytes).ok();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A port that is free for TCP and UDP, below those that systems give out by themselves: so that
/// nobody takes it while the node that has it is down.
fn free_port() -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut dice = Dice::new("ports", u64::from(std::process::id()) << 32 | taken.len() as u64);
    for _ in 0..1000 {
        let port = 10_000 + u16::try_from(dice.below(20_000)).unwrap_or(0);
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free && taken.insert(port) {
            return port;
        }
    }
    panic!("no free port on loopback");
}

/// Every file below a folder that can be read.
///
/// # Panics
/// When a folder cannot be listed.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a folder's entry").path()) {
        if file.is_dir() {
            found.extend(files(&file));
        } else if file.is_file() {
            found.push(file);
        }
    }
    found
}

/// One organisation's node. It stops with this value.
#[derive(Debug)]
pub struct Node {
    name: String,
    root: tempfile::TempDir,
    data: PathBuf,
    port: u16,
    /// The network namespace it runs in, if it has one of its own, and its address there.
    place: Option<(String, Ipv4Addr)>,
    process: Mutex<Option<Child>>,
    client: Client,
}

impl Node {
    /// Makes an organisation; its process is not started.
    ///
    /// # Panics
    /// When `csu init` fails.
    #[track_caller]
    #[must_use]
    pub fn new(name: &str, kind: &str) -> Self {
        let node = Self::on_new_machine(name);
        let phrase = node.phrase_file();
        node.csu(&["init", "--name", name, "--kind", kind, "--non-interactive", "--phrase-file", &phrase]).good();
        node
    }

    /// A machine on which an organisation is to be restored: there is no data folder yet.
    ///
    /// # Panics
    /// When there is no temporary folder to be had.
    #[track_caller]
    #[must_use]
    pub fn on_new_machine(name: &str) -> Self {
        let root = tempfile::Builder::new().prefix("csu-").tempdir().expect("a temporary folder");
        let data = root.path().join("data");
        let client = Client::new(&data.join("csu.sock"), Actor::named("tester").expect("a name"));
        Self { name: name.to_owned(), root, data, port: free_port(), place: None, process: Mutex::new(None), client }
    }

    /// Where the recovery phrase is, of an organisation that was begun here.
    ///
    /// # Panics
    /// When the path is no text.
    #[must_use]
    pub fn phrase_file(&self) -> String {
        self.outside("phrase.txt").to_str().expect("a plain path").to_owned()
    }

    /// The same, to be run in a network namespace in which it has this address.
    #[track_caller]
    #[must_use]
    pub fn in_namespace(name: &str, kind: &str, namespace: &str, address: Ipv4Addr) -> Self {
        let mut node = Self::new(name, kind);
        node.place = Some((namespace.to_owned(), address));
        node
    }

    /// The same, and up.
    #[track_caller]
    #[must_use]
    pub fn started(name: &str, kind: &str) -> Self {
        let node = Self::new(name, kind);
        node.up();
        node
    }

    /// The organisation's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A file of this node's test outside the data folder.
    #[must_use]
    pub fn outside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The TCP and UDP port where it listens whenever it is up.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_file(&self) -> PathBuf {
        self.outside("node.log")
    }

    /// Everything its processes ever wrote.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The end of its log, for failures.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        format!("--- the log of {} ---\n{}\n", self.name, lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// Lets nobody know where it listens, from its next start on: it announces places where nobody is, and no more addresses
    /// fit. Others reach it as their tickets say.
    ///
    /// # Panics
    /// When its settings cannot be written.
    pub fn hide(&self) {
        let nowhere: Vec<String> = (1..=csu_protocol::limits::ADDRESSES).map(|port| format!("/ip4/127.0.0.1/tcp/{port}")).collect();
        std::fs::write(self.data.join("csu.toml"), format!("announce = {nowhere:?}\n")).expect("settings can be written");
    }

    /// `csu up` as this node is run.
    #[must_use]
    pub fn up_command(&self) -> Command {
        let (mut up, address) = match &self.place {
            None => (command(), Ipv4Addr::LOCALHOST),
            Some((namespace, address)) => {
                let mut up = command_of("ip");
                // It becomes the node: a signal to it reaches that.
                up.args(["netns", "exec", namespace]).arg(program());
                (up, *address)
            }
        };
        let (quic, tcp) = (format!("/ip4/{address}/udp/{}/quic-v1", self.port), format!("/ip4/{address}/tcp/{}", self.port));
        up.args(["up", "--no-mdns", "--listen", &quic, "--listen", &tcp, "--data"]).arg(&self.data);
        up
    }

    /// Starts the process and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn up(&self) {
        self.up_with(&[]);
    }

    /// The same with these variables.
    #[track_caller]
    pub fn up_with(&self, variables: &[(&str, &str)]) {
        self.up_within(PATIENCE, variables);
    }

    /// The same with another patience; how long it took until it answered.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn up_within(&self, patience: Duration, variables: &[(&str, &str)]) -> Duration {
        match self.try_up(patience, variables) {
            Ok(taken) => taken,
            Err(status) => panic!("{} ended as it was started ({status})\n{}", self.name, self.tail()),
        }
    }

    /// The same of a node that may end by itself instead.
    ///
    /// # Errors
    /// How it ended.
    ///
    /// # Panics
    /// When it neither ends nor answers.
    #[track_caller]
    pub fn try_up(&self, patience: Duration, variables: &[(&str, &str)]) -> Result<Duration, ExitStatus> {
        let mut up = self.up_command();
        up.envs(variables.iter().copied());
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_file()).expect("a log");
        up.stdout(log.try_clone().expect("a log")).stderr(log);
        let begun = Instant::now();
        let mut process = up.spawn().expect("csu can be started");
        // One that refuses to tell its status answers too.
        while !matches!(self.get::<Status>("/status"), Ok(_) | Err(ClientError::Refused(_))) {
            if let Ok(Some(status)) = process.try_wait() {
                return Err(status);
            }
            if begun.elapsed() > patience {
                process.kill().ok();
                panic!("{} does not answer\n{}", self.name, self.tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let taken = begun.elapsed();
        *self.child() = Some(process);
        Ok(taken)
    }

    /// `csu up` that is to be refused.
    #[track_caller]
    #[must_use]
    pub fn up_refused(&self) -> Ran {
        Ran::of(self.up_command())
    }

    /// kill -9.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = self.child().as_ref() {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
            kill_process(pid, signal).expect("a process of this test takes signals");
        }
    }

    /// Stops the process where it stands (SIGSTOP); [`Node::thaw`] lets it go on.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM, and how the process ended.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn terminate(&self) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut child = self.child().take().expect("a process that runs");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return status;
            }
            if Instant::now() > until {
                child.kill().ok();
                panic!("{} does not stop\n{}", self.name, self.tail());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Bytes of memory that its process has.
    ///
    /// # Panics
    /// When there is no process.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let id = self.child().as_ref().map(Child::id).expect("a process that runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the system tells of its processes");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.split_whitespace().next().and_then(|kibibytes| kibibytes.parse::<u64>().ok()).expect("a number of KiB") * 1024
    }

    /// Whether its process has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.child().as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))))
    }

    /// Runs a command on this data folder.
    #[track_caller]
    #[must_use]
    pub fn csu(&self, line: &[&str]) -> Ran {
        self.csu_with(line, &[])
    }

    /// The same with these variables.
    #[track_caller]
    #[must_use]
    pub fn csu_with(&self, line: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut csu = command();
        csu.arg("--data").arg(&self.data).args(line).envs(variables.iter().copied());
        Ran::of(csu)
    }

    /// Runs a command with --json.
    #[track_caller]
    pub fn json(&self, line: &[&str]) -> Value {
        let line: Vec<&str> = line.iter().copied().chain(["--json"]).collect();
        self.csu(&line).json()
    }

    fn ask<T: DeserializeOwned>(
        &self,
        call: impl AsyncFnOnce(&Client) -> Result<csu_node::cli::client::Answer, ClientError>,
    ) -> Result<T, ClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(call(&self.client))?.read()
    }

    /// GET of the API.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(async |client| client.get(path).await)
    }

    /// POST of the API.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, ClientError> {
        self.ask(async |client| client.post(path, body).await)
    }

    /// PUT of the API.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<T, ClientError> {
        self.ask(async |client| client.put(path, body).await)
    }

    /// A document.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn document(&self, reference: &str) -> Result<Document, ClientError> {
        self.get(&format!("/documents/{}", segment(reference)))
    }

    /// Takes a step.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn step(&self, reference: &str, verb: &str, body: &Value) -> Result<Document, ClientError> {
        self.post(&format!("/documents/{}/steps/{verb}", segment(reference)), body)
    }

    /// A document's history.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn history(&self, reference: &str) -> Result<Vec<HistoryLine>, ClientError> {
        self.get(&format!("/documents/{}/history", segment(reference)))
    }

    /// The neighbour of this name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<Peer> {
        let peers: Vec<Peer> = self.get("/peers").ok()?;
        peers.into_iter().find(|peer| peer.organisation.name == name)
    }

    /// The lines of the node's own log of what it did.
    ///
    /// # Errors
    /// When the node is not there or refuses.
    pub fn acts(&self, query: &str) -> Result<Vec<LogLine>, ClientError> {
        self.get(&format!("/log{query}"))
    }

    /// Asks again until there is an answer.
    ///
    /// # Panics
    /// When there is none in time.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut ask: impl FnMut(&Self) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = ask(self) {
                return found;
            }
            assert!(Instant::now() < until, "{} never {what}\n{}", self.name, self.tail());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until a document is as it should be.
    #[track_caller]
    pub fn until_document(&self, reference: &str, what: &str, is: impl Fn(&Document) -> bool) -> Document {
        let mut last = String::new();
        let until = Instant::now() + PATIENCE;
        loop {
            match self.document(reference) {
                Ok(document) if is(&document) => return document,
                Ok(document) => last = format!("{document:?}"),
                Err(error) => last = if last.is_empty() { error.to_string() } else { last },
            }
            assert!(Instant::now() < until, "{} never {what}; the last it said: {last}\n{}", self.name, self.tail());
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            assert!(!self.log_text().contains("panicked"), "{} panicked\n{}", self.name, self.tail());
        }
    }
}
