//! The access log, and the first page.

use super::*;

#[tokio::test]
async fn the_log_is_filtered_paged_and_exported_without_a_cell_that_a_spreadsheet_would_run() {
    let browser = Browser::of("=HYPERLINK(\"http://x\")", &["Police", "Council"]);
    let reference = browser.issued(&WHAT).await;
    let html = browser.page("/log").await;
    assert!(html.contains("=HYPERLINK(&quot;http://x&quot;)") && html.contains("Newest"), "{html}");
    let read = browser.page(&format!("/log?document={reference}&verb=access&who=&since-day=1&since-month=1&since-year=2020")).await;
    assert!(!read.contains(">Read<") || read.contains("selected>Access"), "{read}");
    assert!(read.contains("name=\"since-year\" value=\"2020\"") || read.contains("value=\"2020\""), "{read}");
    let wrong = browser.page("/log?since-day=31&since-month=2&since-year=2026").await;
    assert!(wrong.contains("href=\"#since\"") && wrong.contains("No line is like that"), "{wrong}");
    assert!(browser.page("/log?verb=nonsense").await.contains("href=\"#verb\""));
    browser.page("/log?document=zzzz").await;
    let table = browser.post_for_file("/log/export", &[("verb", "alteration")]).await;
    assert!(table.starts_with("number,at,verb") && table.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{table}");
    assert!(table.lines().skip(1).all(|line| line.contains(",alteration,")), "{table}");
    // That it was exported is in the log.
    assert!(browser.page("/log").await.contains("exported the access log as CSV (verb alteration)"));
}

#[tokio::test]
async fn a_long_log_goes_on_from_page_to_page_and_no_line_is_left_out() {
    let browser = Browser::open();
    let reference = browser.issued(&WHAT).await;
    for _ in 0..60 {
        let reference = reference.clone();
        browser.ask(move |desk| desk.document(&Actor::unnamed(), &reference)).await;
    }
    let lines = browser.ask(|desk| desk.log_head(&Actor::unnamed())).await.lines;
    let (mut seen, mut next) = (Vec::new(), Some("/log".to_owned()));
    while let Some(address) = next {
        let html = browser.page(&address).await;
        seen.extend(attributes_of_lines(&html));
        let link =
            html.split("rel=\"next\"").next().filter(|_| html.contains("rel=\"next\"")).and_then(|before| before.rsplit("href=\"").next());
        next = link.map(|link| link.split('"').next().unwrap().replace("&amp;", "&"));
    }
    assert_eq!(seen, (1..=lines).rev().collect::<Vec<_>>());
}

fn attributes_of_lines(html: &str) -> Vec<u64> {
    html.split("data-label=\"Line\">").skip(1).map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn the_check_tells_a_log_that_is_whole_from_one_that_was_cut_off() {
    let browser = Browser::open();
    browser.issued(&WHAT).await;
    assert!(!browser.page("/log/check").await.contains("The log is whole"));
    let head = browser.ask(|desk| desk.log_head(&Actor::unnamed())).await;
    for (kept, said) in [
        (String::new(), "The log is whole"),
        (head.to_string(), "no line is gone or was changed"),
        (format!("{}-{}", head.lines + 1, "ab".repeat(32)), "its end was cut off"),
        (format!("{}-{}", head.lines, "ab".repeat(32)), "made anew since"),
        (format!("1-{}", head.hash), "and not line 1"),
        ("nonsense".to_owned(), "href=\"#head\""),
    ] {
        let html = browser.page(&format!("/log/check?go=yes&head={kept}")).await;
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[tokio::test]
async fn the_first_page_tells_what_waits_and_how_the_network_is() {
    let browser = Browser::of("<b>Asha</b>", &["Police", "Council"]);
    let html = browser.page("/").await;
    assert!(html.contains("No neighbours yet.") && html.contains("Everything here has been read."), "{html}");
    assert!(html.contains("&lt;b&gt;Asha&lt;/b&gt;") && html.contains("action=\"/sign-out\""), "{html}");
    let draft = browser.drafted(&WHAT).await;
    let html = browser.page("/").await;
    assert!(html.contains(&format!("/bulletins/{draft}")) && html.contains("Bicycle thefts"), "{html}");
    browser.ask(move |desk| desk.discard(&Actor::unnamed(), &draft)).await;
    assert!(!browser.page("/").await.contains("Bicycle thefts"));
}
