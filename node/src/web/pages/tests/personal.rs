//! Personal data is found before it is shared, and goes into a sealed annex that is opened for a reason alone.

use super::*;

const NAME: &str = "Mr Quillon Byron";

fn naming() -> Vec<(&'static str, &'static str)> {
    let mut what = WHAT.to_vec();
    what[0].1 = "Mr Quillon Byron cut the lock. Ring the shop on 020 7946 0123.";
    what
}

#[tokio::test]
async fn what_names_somebody_is_moved_to_a_sealed_annex_and_the_rest_stays_for_a_reason() {
    let browser = Browser::open();
    let draft = browser.drafted(&naming()).await;
    let issue = format!("/documents/{draft}/steps/issue");
    let asked = browser.post(&issue, &[]).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.html.contains(NAME) && asked.html.contains("020 7946 0123") && asked.html.contains("sealed annex"), "{}", asked.html);
    let at = |words: &str| (0..2).find(|at| asked.html.contains(&format!("name=\"words-{at}\" value=\"{words}\""))).unwrap();
    let (name, number) = (at(NAME), at("020 7946 0123"));
    let (words_of_name, words_of_number) = (format!("words-{name}"), format!("words-{number}"));
    let (choice_of_name, choice_of_number) = (format!("found-{name}"), format!("found-{number}"));
    let mut form = vec![
        ("sorted", "yes"),
        (words_of_name.as_str(), NAME),
        (words_of_number.as_str(), "020 7946 0123"),
        (choice_of_name.as_str(), "move"),
    ];
    // Each must be decided on, and what stays needs a reason.
    let refused = browser.post(&issue, &form).await;
    assert!(refused.html.contains("Choose what becomes of “020 7946 0123”"), "{}", refused.html);
    form.push((choice_of_number.as_str(), "keep"));
    let refused = browser.post(&issue, &form).await;
    assert!(refused.html.contains("Enter why the rest may stay") && refused.html.contains("value=\"move\" checked"), "{}", refused.html);
    form.push(("why", "the shop's own number"));
    let home = browser.sent(&issue, &form).await;
    let page = browser.page(&home).await;
    assert!(page.contains("[in the annex] cut the lock") && page.contains("020 7946 0123") && !page.contains("Quillon"), "{page}");
    // The annex waits as a draft; it is given to the police and issued.
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    // A draft's number; what was shared has ten digits, of which the first may be a d too.
    let is_draft = |link: &&str| link.strip_prefix("/documents/d").is_some_and(|rest| rest.len() < 4 && !rest.contains('/'));
    let annex = links.into_iter().find(is_draft).unwrap().to_owned();
    assert!(browser.page(&annex).await.contains(NAME));
    let police = browser.others[0].to_string();
    browser.sent(&format!("{annex}/edit/sharing"), &[("marking", "RED"), ("to", &police)]).await;
    let sealed = browser.sent(&format!("{annex}/steps/issue"), &[]).await;
    let sealed = sealed.split('?').next().unwrap().to_owned();
    // From now on it is shut.
    assert_eq!(browser.get(&sealed).await.to, Some(format!("{sealed}/open")));
    for address in [
        "/bulletins",
        "/search?q=Quillon",
        "/search?q=Byron",
        home.as_str(),
        &format!("{}/history", home.split('?').next().unwrap().replace("bulletins", "documents")),
    ] {
        let shown = browser.page(address).await;
        assert!(!shown.replace("value=\"Quillon\"", "").replace("value=\"Byron\"", "").contains("Quillon"), "{address}: {shown}");
    }
    let history = browser.get(&format!("{sealed}/history")).await;
    assert!(!history.html.contains("Quillon"), "{}", history.html);
    assert!(browser.page(&format!("{sealed}/open")).await.contains("Why do you need to see it?"));
    for (reason, told) in [("  ", "Enter why"), ("Mrs Ada Example asked", "looks as if it held")] {
        let refused = browser.post(&format!("{sealed}/open"), &[("reason", reason)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.html.contains(told) && !refused.html.contains("Quillon"), "{}", refused.html);
    }
    let opened = browser.post(&format!("{sealed}/open"), &[("reason", "to arrest the suspect, case 4411")]).await;
    assert!(opened.status.is_success() && opened.html.contains(NAME), "{}", opened.html);
    // Every opening needs a reason of its own.
    assert!(!browser.page(&format!("{sealed}/open")).await.contains("Quillon"));
}

#[tokio::test]
async fn a_reason_is_good_for_what_somebody_looked_at_and_nothing_that_came_since() {
    let browser = Browser::open();
    let draft = browser.drafted(&naming()).await;
    let issue = format!("/documents/{draft}/steps/issue");
    let form = [("sorted", "yes"), ("words-0", "020 7946 0123"), ("found-0", "keep"), ("why", "the shop's own number")];
    let asked = browser.post(&issue, &form).await;
    assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(asked.html.contains(NAME), "{}", asked.html);
    assert!(browser.page(&format!("/bulletins/{draft}")).await.contains("Draft"));
}

#[tokio::test]
async fn a_response_with_personal_data_is_sent_for_a_reason_alone() {
    let browser = Browser::open();
    let reference = browser.issued(&WHAT).await;
    let address = format!("/documents/{reference}/responses");
    let said = [("remark", "comment"), ("text", "Mr Quillon Byron did it")];
    let refused = browser.post(&address, &said).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.html.contains("say why it may stay") && refused.html.contains("Mr Quillon Byron did it"), "{}", refused.html);
    browser.sent(&address, &[said[0], said[1], ("why", "he is the warden and signs so")]).await;
}

#[tokio::test]
async fn an_annex_is_written_where_its_document_is_read_and_belongs_to_it() {
    let browser = Browser::open();
    let reference = browser.issued(&WHAT).await;
    let page = browser.page(&format!("/bulletins/{reference}")).await;
    let address = format!("/documents/new/annex?of={reference}");
    assert!(page.contains(&format!("href=\"{address}\"")), "{page}");
    let page = browser.page(&address).await;
    assert!(page.contains(&format!("action=\"{address}\"")) && !page.contains("isPartOf"), "{page}");
    let next = browser.sent(&address, &[("persons", NAME)]).await;
    let annex = next.strip_suffix("/edit/sharing").unwrap();
    assert!(!browser.page(&next).await.contains("TLP:GREEN"));
    assert!(browser.page(annex).await.contains(NAME));
    assert!(browser.page(&format!("/bulletins/{reference}")).await.contains("a draft that is on this node only"));
    // Without what it belongs to there is none.
    let refused = browser.post("/documents/new/annex", &[("persons", NAME)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.html.contains(NAME), "{}", refused.html);
}
