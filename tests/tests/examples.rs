//! The examples run and show what they say.

use csu_tests::programs::{api_client, example, printed, run};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;

#[test]
fn two_peers_share_a_bulletin_in_memory_and_the_same_way_twice() {
    let none: [&str; 0] = [];
    let first = printed(&run(&example("two_peers"), &none));
    for line in [
        "Camberwell reads what Ada, coordinator of Brixton Community Security Union wrote",
        "info.headline: Bicycles taken from railings on Atlantic Road",
        "acknowledge (we have told our patrols)",
    ] {
        assert!(first.contains(line), "no '{line}' in:\n{first}");
    }
    assert_eq!(first, printed(&run(&example("two_peers"), &none)), "the protocol draws no randomness of its own");
}

/// A node that gives the same answers to everyone, in order.
fn answer_with(answers: Vec<(&'static str, String)>) -> (tempfile::TempDir, std::path::PathBuf, std::thread::JoinHandle<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let node = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
            asked.push(head.next().unwrap());
            head.for_each(drop);
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).unwrap();
        }
        asked
    });
    (folder, socket, node)
}

#[test]
fn a_client_of_the_api_goes_through_all_pages_and_prints_nothing_that_moves_the_cursor() {
    let line = |reference: &str, title: &str| {
        format!(
            r#"{{"reference":"{reference}","kind":"bulletin","title":"{title}","state":"issued","marking":"GREEN","owner":{{"name":"Brixton"}}}}"#
        )
    };
    let (_folder, socket, node) = answer_with(vec![
        ("200 OK", r#"{"organisation":{"name":"Brixton"},"summary":"1 of 1 neighbours connected; all up to date"}"#.to_owned()),
        ("200 OK", format!(r#"{{"items":[{}],"next":"a/b"}}"#, line("3f2a", "One\\u001b[2J"))),
        ("200 OK", format!(r#"{{"items":[{}]}}"#, line("77aa", "Two"))),
    ]);
    let printed = api_client(&socket);
    let asked = node.join().unwrap();
    assert_eq!(asked[2], "GET /api/v1/documents?kind=bulletin&limit=50&cursor=a%2Fb HTTP/1.1");
    assert!(printed.contains("all up to date") && printed.contains("Two (Brixton)") && printed.ends_with("2 bulletins\n"), "{printed}");
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
}

#[test]
fn a_client_of_the_api_passes_on_the_remedy_of_a_refusal() {
    let problem = r#"{"title":"Not now.","detail":"The database is being checked.","remedy":"Try again in a minute."}"#;
    let (_folder, socket, node) = answer_with(vec![("503 Service Unavailable", problem.to_owned())]);
    let output = run(&example("api_client"), &[&socket]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Try again in a minute."), "{output:?}");
    node.join().unwrap();
    let missing = run(&example("api_client"), &[socket.with_file_name("elsewhere")]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("csu up"), "{missing:?}");
}
