//! Guides and liaison notes as people read them.

use super::*;
use crate::desk::{DraftRequest, Recipient, StepRequest};

async fn shared(browser: &Browser, kind: &str, verb: &'static str, marking: &str, assign: &[&str]) -> String {
    let to = vec![Recipient { who: browser.others[0].to_string(), role: None, until: None }];
    let assign = assign.iter().map(|word| (*word).to_owned()).collect();
    let request = DraftRequest { kind: kind.to_owned(), assign, to, marking: Some(marking.to_owned()), ..DraftRequest::default() };
    browser
        .ask(move |desk| {
            let actor = Actor::named("Asha")?;
            let draft = desk.draft(&actor, request)?;
            desk.step(&actor, &draft.reference, verb, StepRequest::default())
        })
        .await
        .reference
}

#[tokio::test]
async fn a_guide_is_listed_and_read_with_its_markdown_and_found_under_every_address() {
    let browser = Browser::open();
    assert!(browser.page("/guides").await.contains("There are none here yet"));
    let fields =
        ["title=<i>Gates</i>", "problem=Alleys", "summary=**Lock** both <script>x</script>", "costLowPence=100000", "evidenceBasis=review"];
    let reference = shared(&browser, "guide", "publish", "GREEN", &fields).await;
    let list = browser.page("/guides?q=alleys").await;
    assert!(list.contains(&format!("/guides/{reference}")) && list.contains("&lt;i&gt;Gates"), "{list}");
    let html = browser.page(&format!("/guides/{reference}")).await;
    for part in ["<strong>Lock</strong> both &lt;script&gt;", "£1,000 or more", "A review of several studies", "/access\""] {
        assert!(html.contains(part), "{part}: {html}");
    }
    for elsewhere in ["/documents", "/liaison"] {
        let answer = browser.get(&format!("{elsewhere}/{reference}")).await;
        assert_eq!(answer.to, Some(format!("/guides/{reference}")), "{elsewhere}");
    }
    assert!(browser.page("/guides?state=retired").await.contains("Nothing here is like that"));
    assert_eq!(browser.get("/guides?q=%22").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.get("/guides/ffff").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_liaison_note_shows_its_asks_and_whose_turn_it_is_until_it_is_closed() {
    let browser = Browser::open();
    let fields = [
        "subject=Lamps",
        "text=Who mends them?",
        "asks[0].text=<b>Repair</b>",
        "asks[0].owner=Police",
        "asks[0].due=2020-01-01T00:00:00+00:00",
        "asks[1].text=Tell us",
        "victimConsent=not-applicable",
    ];
    let reference = shared(&browser, "note", "send", "AMBER+STRICT", &fields).await;
    let list = browser.page("/liaison").await;
    assert!(list.contains("data-label=\"Next step\">Theirs"), "{list}");
    let html = browser.page(&format!("/liaison/{reference}")).await;
    for part in ["&lt;b&gt;Repair", "Overdue", "No date", "There is no victim", " answers."] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(html.contains(&format!("/documents/{reference}/steps/close")), "{html}");
    let to = browser.sent(&format!("/documents/{reference}/steps/close"), &[]).await;
    assert!(browser.page(&to).await.contains("The matter is closed"));
}
