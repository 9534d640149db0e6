//! The API over a real socket, with a desk that remembers what it was asked.

use super::*;
use crate::cli::client::{Client, ClientError, segment};
use crate::desk::fake::FakeDesk;
use crate::desk::{Actor, Blame, DraftRequest, GrantRequest, JoinRequest, Problem, RespondRequest, Status};
use csu_protocol::entry::Remark;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

struct Node {
    folder: tempfile::TempDir,
    desk: Arc<Mutex<FakeDesk>>,
    changes: crate::desk::Changes,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Node {
    async fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = ApiSocket::bind(&folder.path().join("csu.sock"), None).await.unwrap();
        let (handle, mut jobs) = DeskHandle::channel(8);
        let desk = Arc::new(Mutex::new(FakeDesk::default()));
        let behind = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Some(job) = jobs.recv().await {
                let reply = job(&mut *behind.lock().unwrap());
                reply(Ok(()));
            }
        });
        let changes = handle.changes().clone();
        let serving = tokio::spawn(serve(socket, router(handle), std::future::pending()));
        Self { folder, desk, changes, serving }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("csu.sock")
    }

    fn client(&self) -> Client {
        Client::new(&self.path(), Actor::named("Jo Müller").unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.desk.lock().unwrap().asked.clone()
    }

    /// Sends a request as it is written and returns the head and the body of the answer.
    async fn raw(&self, request: &str) -> (String, String) {
        let mut stream = UnixStream::connect(self.path()).await.unwrap();
        // A node that refuses a large body early closes while it is still being written.
        stream.write_all(request.as_bytes()).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }
}

#[tokio::test]
async fn a_question_reaches_the_desk_with_its_person_and_the_answer_comes_back() {
    let node = Node::up().await;
    let status: Status = node.client().get("/status").await.unwrap().read().unwrap();
    assert_eq!(status.organisation.name, "Brixton CSU");
    node.client().post("/join", &JoinRequest { ticket: "csu-ticket-x".into() }).await.unwrap();
    let request = GrantRequest { who: "anyone".into(), role: None, until: None, personal_data_checked: None };
    node.client().post(&format!("/documents/{}/grants", segment("a/b?c")), &request).await.unwrap();
    assert_eq!(node.asked(), ["Jo Müller: join csu-ticket-x", "Jo Müller: grant a/b?c anyone None"]);
}

#[tokio::test]
async fn a_refusal_of_the_desk_is_a_problem_with_its_status_and_remedy() {
    let node = Node::up().await;
    let Err(ClientError::Refused(problem)) = node.client().get("/documents/ffff").await else { panic!("not refused") };
    assert_eq!((problem.blame(), problem.status()), (Some(Blame::NotFound), 404));
    assert!(problem.remedy().contains("csu bulletin list"));
    let response = RespondRequest { remark: Remark::Acknowledge, text: None, personal_data_checked: None };
    let Err(ClientError::Refused(problem)) = node.client().post("/documents/abcd/responses", &response).await else {
        panic!("not refused")
    };
    assert_eq!(problem.status(), 403);
}

#[tokio::test]
async fn every_refusal_of_http_itself_is_a_problem_too() {
    let node = Node::up().await;
    let post = |path: &str, kind: &str, body: &str| {
        format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    for (status, request) in [
        (404, get("/")),
        (404, get("/api/v1/nothing")),
        (405, post("/status", "application/json", "{}")),
        (415, post("/join", "text/plain", "{}")),
        (400, post("/join", "application/json", "{")),
        (422, post("/join", "application/json", "{\"tiket\": 1}")),
        (413, post("/import/cap", "application/xml", &"x".repeat(BODY_BYTES + 1))),
        (400, get("/api/v1/log?verb=nonsense")),
        (400, get("/api/v1/documents?colour=red")),
        (400, get("/api/v1/documents/%ff%fe")),
        (422, "GET /api/v1/peers HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncsu-person: \t\r\n\r\n".to_owned()),
    ] {
        let (head, body) = node.raw(&request).await;
        let first = request.lines().next().unwrap();
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{first}: {head}");
        assert!(head.contains("content-type: application/problem+json"), "{first}: {head}");
        let problem: Problem = serde_json::from_str(&body).unwrap();
        assert_eq!(problem.status(), status, "{first}");
        assert!(!problem.detail().is_empty() && !problem.remedy().is_empty(), "{first}");
    }
    assert!(node.asked().is_empty());
}

#[tokio::test]
async fn every_operation_that_is_listed_is_there() {
    let node = Node::up().await;
    let (_, body) = node.raw("GET /api/v1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(body.contains("/documents/{ref}/steps/{verb}"), "{body}");
    // Else what tells of changes would have no end.
    node.changes.end();
    for Operation { method, path, .. } in OPERATIONS {
        let address = path.replace("{ref}", "abcd").replace("{verb}", "issue").replace("{org}", "x").replace("{name}", "Ward");
        let request = format!("{method} /api/v1{address} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let (head, _) = node.raw(&request).await;
        assert!(!head.starts_with("http/1.1 404") && !head.starts_with("http/1.1 405"), "{method} {path}: {head}");
    }
}

#[tokio::test]
async fn a_file_comes_with_its_type_and_name_and_goes_in_as_it_is() {
    let node = Node::up().await;
    let answer = node.client().get("/documents/abcd/export?format=cap").await.unwrap();
    assert_eq!((&answer.body[..], answer.file_name.as_deref()), (&b"<alert/>"[..], Some("bulletin.cap")));
    node.client().post_file("/import/cap?name=a%20b.cap", vec![b'x'; 1000]).await.unwrap();
    assert_eq!(node.asked()[1], "Jo Müller: import Some(\"a b.cap\") 1000");
}

#[tokio::test]
async fn the_log_is_a_list_or_a_table_as_the_query_or_else_the_header_says() {
    let node = Node::up().await;
    let get = |query: &str, accept: &str| format!("GET /api/v1/log{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{accept}\r\n");
    for (query, accept, table) in [
        ("", "", false),
        ("", "accept: */*\r\n", false),
        ("", "accept: application/json\r\n", false),
        ("?format=json", "accept: text/csv\r\n", false),
        ("", "accept: text/html, Text/CSV;q=0.9\r\n", true),
        ("?format=csv&limit=5", "accept: application/json\r\n", true),
    ] {
        let (head, body) = node.raw(&get(query, accept)).await;
        assert_eq!(head.contains("content-type: text/csv"), table, "{query} {accept}: {head}");
        assert_eq!(body.contains("number,at,verb"), table, "{query} {accept}: {body}");
    }
    let (head, _) = node.raw(&get("?format=xml", "")).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    // Page by page, each behind the last line of the one before, until none is left.
    let answer = node.client().get("/log?format=csv&who=x").await.unwrap();
    assert_eq!(answer.file_name.as_deref(), Some("access-log.csv"));
    let rows: Vec<String> = String::from_utf8(answer.body.to_vec()).unwrap().split("\r\n").map(str::to_owned).collect();
    assert!(rows[1].starts_with("2,") && rows.iter().any(|row| row.starts_with("1,")), "{rows:?}");
    let asked = node.asked();
    let pages: Vec<bool> = ["before: Some(3)", "before: Some(2)", "before: Some(1)"]
        .iter()
        .zip(&asked[asked.len() - 3..])
        .map(|(before, asked)| asked.contains(before) && asked.contains("limit: Some(1000)"))
        .collect();
    assert_eq!(pages, [true; 3], "{asked:?}");
    assert!(asked[asked.len() - 4].starts_with("Jo Müller: export log"), "{asked:?}");
}

#[tokio::test]
async fn a_desk_that_takes_too_long_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csu.sock");
    let socket = ApiSocket::bind(&path, None).await.unwrap();
    // Nobody takes the jobs.
    let (handle, _jobs) = DeskHandle::channel(8);
    tokio::spawn(serve(socket, router_with(handle, Duration::from_millis(30)), std::future::pending()));
    let Err(ClientError::Refused(problem)) = Client::new(&path, Actor::unnamed()).get("/status").await else { panic!("answered") };
    assert_eq!(problem.status(), 503);
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_leaves_nothing_else_behind() {
    let node = Node::up().await;
    let mode = std::fs::metadata(node.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(std::fs::read_dir(node.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_group_that_is_named_may_use_the_socket_and_an_unknown_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csu.sock");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let ours = nix::unistd::Group::from_gid(nix::unistd::getegid()).unwrap().unwrap().name;
    let socket = ApiSocket::bind(&path, Some(&ours)).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert_eq!(std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o710);
    drop(socket);
    let error = ApiSocket::bind(&path, Some("no-such-group-here")).await.unwrap_err().to_string();
    assert!(error.contains("groupadd no-such-group-here"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_killed_nodes_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csu.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = ApiSocket::bind(&path, None).await.unwrap();
    assert!(matches!(ApiSocket::bind(&path, None).await, Err(SocketError::Live { .. })));
    drop(socket);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(ApiSocket::bind(&path, None).await, Err(SocketError::Occupied { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn stopping_removes_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csu.sock");
    let socket = ApiSocket::bind(&path, None).await.unwrap();
    let (handle, _jobs) = DeskHandle::channel(1);
    serve(socket, router(handle), std::future::ready(())).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn kinds_are_described_whole() {
    let node = Node::up().await;
    let kinds: serde_json::Value = node.client().get("/kinds").await.unwrap().read().unwrap();
    let bulletin = &kinds.as_array().unwrap()[0];
    assert_eq!(bulletin["fields"][0]["form"]["type"], "records");
    assert_eq!(bulletin["steps"][0]["verb"], "issue");
    node.serving.abort();
}

#[tokio::test]
async fn a_draft_is_handed_over_as_it_was_written() {
    let node = Node::up().await;
    let request = DraftRequest { kind: "guide".into(), assign: vec!["title=x".into()], ..DraftRequest::default() };
    node.client().post("/documents", &request).await.unwrap();
    assert!(node.asked()[0].contains("title=x"), "{:?}", node.asked());
}

#[tokio::test]
async fn lists_are_asked_for_as_they_were_narrowed() {
    let node = Node::up().await;
    node.client().get("/documents?kind=bulletin&severity=Severe&area=mill%20road&from=Hill&unread=true&count=true").await.unwrap();
    let asked = &node.asked()[0];
    for part in
        ["severity: Some(\"Severe\")", "area: Some(\"mill road\")", "from: Some(\"Hill\")", "unread: Some(true)", "count: Some(true)"]
    {
        assert!(asked.contains(part), "{asked}");
    }
    let Err(ClientError::Refused(problem)) = node.client().get("/documents?since=yesterday").await else { panic!("not refused") };
    assert_eq!(problem.status(), 400);
}

/// Listens to what changes until `until` stands in it, or the node ends it.
async fn heard(stream: &mut UnixStream, until: &str) -> String {
    let (mut heard, mut bytes) = (String::new(), [0; 4096]);
    while !heard.contains(until) {
        let count = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.unwrap().unwrap();
        if count == 0 {
            break;
        }
        heard.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    heard
}

#[tokio::test]
async fn what_changes_is_told_as_it_happens_and_listening_keeps_no_node_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("csu.sock");
    let socket = ApiSocket::bind(&path, None).await.unwrap();
    let (handle, _jobs) = DeskHandle::channel(1);
    let changes = handle.changes().clone();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(socket, router(handle), async { drop(stopped.await) }));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let begin = heard(&mut stream, "event: begin").await;
    assert!(begin.contains("text/event-stream") && begin.contains("event: begin"), "{begin}");
    changes.tell(crate::desk::Change { peers: true, ..Default::default() });
    let change = heard(&mut stream, "\n\n").await;
    assert!(change.contains("event: change") && change.contains("\"peers\":true"), "{change}");
    let mut back = UnixStream::connect(&path).await.unwrap();
    back.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: x\r\nlast-event-id: 0\r\n\r\n").await.unwrap();
    assert!(heard(&mut back, "event: again").await.contains("event: again"));
    // As the driver does when it stops.
    changes.end();
    drop(stop);
    tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap().unwrap();
}
