//! Giving and taking access, and circles, by forms alone.

use super::*;

/// Words of a text, however they stand in elements.
fn words(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_role_is_given_until_a_day_and_taken_away_after_what_follows_was_shown() {
    let browser = Browser::open();
    let home = format!("/documents/{}/access", browser.issued(&WHAT).await);
    let council = browser.others[1].to_string();
    let before = words(&browser.page(&home).await);
    assert!(before.contains("Brixton owns it") && before.contains("can read it and respond"), "{before}");

    let form = [("who", council.as_str()), ("role", "read"), ("until-day", "1"), ("until-month", "3"), ("until-year", "2099")];
    let to = browser.sent(&format!("{home}/give"), &form).await;
    assert_eq!(to, format!("{home}?done=given"));
    let given = words(&browser.page(&to).await);
    assert!(given.contains("Council") && given.contains("until 1 March 2099") && given.contains("Given by Brixton."), "{given}");

    let ask = browser.page(&format!("{home}/take?who={council}")).await;
    let consequence = words(&ask);
    let (at, button) = (consequence.find("can no longer read it and respond").unwrap(), consequence.find("Take it away").unwrap());
    assert!(at < button, "the button stands before what follows: {consequence}");
    let to = browser.sent(&format!("{home}/take"), &[("who", &council), ("passed-on", "stay")]).await;
    let taken = words(&browser.page(&to).await);
    assert!(taken.contains("Who could once") && taken.contains("taken back by Brixton"), "{taken}");
    let again = browser.get(&format!("{home}/take?who={council}")).await;
    assert!(again.status.is_client_error(), "{}", again.html);
}

#[tokio::test]
async fn a_grant_that_cannot_be_is_refused_beside_its_input() {
    let browser = Browser::open();
    let home = format!("/documents/{}/access", browser.issued(&WHAT).await);
    let council = browser.others[1].to_string();
    for (form, said) in [
        (&[][..], "href=\"#who\">Choose who may read it"),
        (&[("who", "other")][..], "href=\"#other\">Enter the name"),
        (&[("who", "other"), ("other", "Nobody of that name")][..], "href=\"#other\""),
        (&[("who", council.as_str()), ("role", "emperor")][..], "href=\"#role\""),
        (
            &[("who", council.as_str()), ("until-day", "31"), ("until-month", "2"), ("until-year", "2099")][..],
            "href=\"#until\">Enter a real date",
        ),
        (&[("who", "anyone")][..], "TLP:AMBER+STRICT"),
    ] {
        let answer = browser.post(&format!("{home}/give"), form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
        assert!(answer.html.contains(said) && answer.html.contains("<title>Error: "), "{said}: {}", answer.html);
    }
}

#[tokio::test]
async fn what_follows_from_a_circle_is_shown_and_done_document_by_document() {
    let browser = Browser::open();
    let reference = browser.issued(&WHAT).await;
    let council = browser.others[1].to_string();
    let to = browser.sent("/circles", &[("name", "Ward & <neighbours>")]).await;
    let circle = "/circles/Ward%20%26%20%3Cneighbours%3E";
    assert_eq!(to, format!("{circle}?done=made"));
    let give = [("who", "circle:Ward & <neighbours>"), ("role", "read")];
    browser.sent(&format!("/documents/{reference}/access/give"), &give).await;
    browser.sent(&format!("{circle}/members"), &[("add", &council)]).await;
    let html = browser.page(circle).await;
    assert!(words(&html).contains("gets to read it and respond."), "{html}");
    assert!(!html.contains("<neighbours>"), "{html}");
    let document = attributes(&html, "name=\"document\" value=\"")[0].to_owned();
    browser.sent(&format!("{circle}/apply"), &[("document", &document)]).await;
    assert!(browser.page(circle).await.contains("Nothing is left to be done"));
    let access = words(&browser.page(&format!("/documents/{reference}/access")).await);
    assert!(access.contains("for the circle Ward &amp; &lt;neighbours&gt;."), "{access}");

    browser.sent(&format!("{circle}/members"), &[("remove", &council)]).await;
    assert!(words(&browser.page(circle).await).contains("can no longer read it and respond."));
    browser.sent(&format!("{circle}/apply"), &[("document", &document)]).await;
    assert_eq!(browser.sent(&format!("{circle}/delete"), &[]).await, "/circles?done=deleted");
    browser.page("/circles?done=deleted").await;
}

#[tokio::test]
async fn a_circle_without_a_name_or_with_one_that_is_taken_is_refused() {
    let browser = Browser::open();
    browser.sent("/circles", &[("name", "Ward")]).await;
    for (name, said) in [("", "Enter a name"), ("Ward", "There is a circle Ward already"), ("Police", "name of an organisation")] {
        let answer = browser.post("/circles", &[("name", name)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.html.contains(said) && answer.html.contains("href=\"#name\""), "{said}: {}", answer.html);
    }
    let answer = browser.post("/circles/Ward/members", &[]).await;
    assert!(answer.html.contains("Choose at least one neighbour to put in"), "{}", answer.html);
}
