//! Whole walks: from the first word of a bulletin to its withdrawal.

use super::*;

#[tokio::test]
async fn a_bulletin_is_written_issued_answered_changed_and_withdrawn_by_forms_alone() {
    let browser = Browser::open();
    assert!(browser.page("/bulletins").await.contains("There are no bulletins here yet"));
    let page = browser.page("/bulletins/new").await;
    assert!(page.contains("What was done") && page.contains("<strong>999</strong>"), "{page}");
    let next = browser.sent("/bulletins/new", &WHAT).await;
    assert_eq!(next, "/documents/d1/edit/descriptions");
    let traits = [("trait-top", "green jacket"), ("trait-shoes", "white trainers")];
    assert!(browser.page(&next).await.contains("at least two"));
    let next = browser.sent(&next, &traits).await;
    let place = [("info[0].area[0].areaDesc", "Mill Road"), ("wards", "e05014095"), ("info[0].area[0].circle", "51.4613,-0.1156 0.3")];
    let next = browser.sent(&next, &place).await;
    assert!(browser.page(&next).await.contains("How serious it is"));
    let next = browser.sent(&next, &ADVICE).await;
    assert!(browser.page(&next).await.contains("TLP:AMBER+STRICT"));
    let police = browser.others[0].to_string();
    let next = browser.sent(&next, &[("marking", "AMBER+STRICT"), ("to", &police), (&format!("role-{police}"), "write")]).await;
    assert_eq!(next, "/documents/d1/steps/issue");
    let page = browser.page(&next).await;
    for part in [
        "Somebody cut the lock",
        "Clothes above the waist: green jacket",
        "E05014095",
        "can read and change it",
        "Bicycle theft",
        "November 2026",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Going back shows what was saved.
    let page = browser.page("/documents/d1/edit/what").await;
    assert!(page.contains("value=\"21:30\"") && page.contains(">\nSomebody cut the lock of a bicycle.<"), "{page}");
    assert!(browser.page("/documents/d1/edit/descriptions").await.contains("value=\"white trainers\""));
    assert!(browser.page("/documents/d1/edit/sharing").await.contains("value=\"write\" selected"));
    let home = browser.sent(&next, &[]).await;
    let page = browser.page(&home).await;
    assert!(page.contains("Signed, and on its way") && page.contains("Issued") && page.contains("Nobody has responded yet"), "{page}");
    let home = home.split('?').next().unwrap().to_owned();
    let documents = home.replace("/bulletins/", "/documents/");
    // Responding, first without saying what.
    let refused = browser.post(&format!("{documents}/responses"), &[("text", "We saw <them> too")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.html.contains("We saw &lt;them&gt; too") && refused.html.contains("Choose what you want to say"), "{}", refused.html);
    let to = browser.sent(&format!("{documents}/responses"), &[("remark", "seen-here-too"), ("text", "We saw them too")]).await;
    let page = browser.page(to.split('#').next().unwrap()).await;
    assert!(page.contains("1 saw the same.") && page.contains("We saw them too"), "{page}");
    // A next version: nobody sees it before it is shared.
    let next = browser.sent(&format!("{documents}/edit/what"), &[&[("behaviour", "Somebody cut two locks.")], &WHAT[1..]].concat()).await;
    assert!(next.ends_with("/edit/descriptions"), "{next}");
    let page = browser.page(&home).await;
    assert!(page.contains("the next version: it changes Description") && page.contains("cut the lock of"), "{page}");
    let page = browser.page(&format!("{documents}/steps/update")).await;
    assert!(page.contains("<del") && page.contains("Somebody cut two locks.") && page.contains("green jacket"), "{page}");
    browser.sent(&format!("{documents}/steps/update"), &[]).await;
    let page = browser.page(&format!("{documents}/history")).await;
    assert!(page.contains("Version: updated") && page.contains("Somebody cut two locks.") && page.contains("Asha"), "{page}");
    // Withdrawing says what follows, and asks why.
    assert!(browser.page(&format!("{documents}/steps/withdraw")).await.contains("This cannot be undone"));
    let refused = browser.post(&format!("{documents}/steps/withdraw"), &[]).await;
    assert!(refused.html.contains("Choose why it is withdrawn"), "{}", refused.html);
    browser.sent(&format!("{documents}/steps/withdraw"), &[("reason", "mistaken")]).await;
    let page = browser.page(&home).await;
    assert!(page.contains("it was wrong") && page.contains("Do not act on it"), "{page}");
    assert!(!page.contains("/steps/") && !page.contains("/edit/"), "{page}");
    let page = browser.page("/bulletins?state=withdrawn").await;
    assert!(page.contains("Bicycle thefts in Mill Road"), "{page}");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_input_and_what_was_typed_stays() {
    let browser = Browser::open();
    let mut wrong = WHAT.to_vec();
    wrong[1].1 = "31";
    wrong[2].1 = "2";
    let refused = browser.post("/bulletins/new", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "There is a problem",
        "href=\"#info-0-onset\"",
        "real date",
        "value=\"31\"",
        "value=\"9:30pm\"",
        "Somebody cut the lock",
        "<title>Error: ",
    ] {
        assert!(refused.html.contains(part), "{part}: {}", refused.html);
    }
    // Nothing was begun.
    assert!(browser.page("/bulletins").await.contains("There are no bulletins here yet"));
    let long = "x".repeat(3000);
    let draft = browser.drafted(&WHAT).await;
    let refused = browser.post(&format!("/documents/{draft}/edit/place"), &[("info[0].area[0].areaDesc", &long), ("wards", "a/b")]).await;
    assert!(refused.html.contains("at most 2048 are allowed") && refused.html.contains(&long), "{}", refused.html);
    assert!(refused.html.contains("letters and digits alone"), "{}", refused.html);
    let refused = browser.post(&format!("/documents/{draft}/edit/descriptions"), &[("trait-top", "hood")]).await;
    assert!(refused.html.contains("one trait alone") && refused.html.contains("value=\"hood\""), "{}", refused.html);
    let nobody = browser.post(&format!("/documents/{draft}/edit/sharing"), &[("marking", "RED"), ("to", "Nobody Union")]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", nobody.html);
}

#[tokio::test]
async fn a_draft_that_lacks_something_says_what_and_leads_there() {
    let browser = Browser::open();
    let next = browser.sent("/bulletins/new", &[("behaviour", "A lock was cut."), ("then", "continue")]).await;
    assert_eq!(next, "/documents/d1/edit/what?missing=1");
    let page = browser.page(&next).await;
    assert!(page.contains("Enter: headline") && page.contains("Choose: category") && page.contains("A lock was cut."), "{page}");
    // Whoever wants to stop is not held up.
    let home = browser.sent("/documents/d1/edit/what", &[("behaviour", "Two locks."), ("then", "stop")]).await;
    assert!(browser.get(&home).await.to.unwrap().starts_with("/bulletins/d1"));
    let page = browser.page("/documents/d1/steps/issue").await;
    assert!(page.contains("href=\"/documents/d1/edit/advice#info-0-severity\"") && page.contains("Choose: severity"), "{page}");
    let refused = browser.post("/documents/d1/steps/issue", &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What the export would refuse is said with the way to it too.
    let draft = browser.drafted(&WHAT).await;
    browser
        .sent(&format!("/documents/{draft}/edit/place"), &[("info[0].area[0].areaDesc", "x"), ("info[0].area[0].polygon", "1,1 2,2 3,3")])
        .await;
    let refused = browser.post(&format!("/documents/{draft}/steps/issue"), &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.html.contains(&format!("/documents/{draft}/edit/place#info-0-area-0-polygon")), "{}", refused.html);
}

#[tokio::test]
async fn every_field_can_be_written_blocks_among_them() {
    let browser = Browser::open();
    let draft = browser.drafted(&WHAT).await;
    let other = format!("/documents/{draft}/edit/other");
    let page = browser.page(&other).await;
    assert!(page.contains("Other details") && page.contains("name=\"status\"") && page.contains("?at=info[1]"), "{page}");
    browser.sent(&other, &[("status", "Exercise"), ("incidents", "CRN 1\nCRN 2")]).await;
    let page = browser.page(&format!("{other}?at=info[1]")).await;
    assert!(page.contains("name=\"info[1].headline\""), "{page}");
    let back = browser.sent(&format!("{other}?at=info[1]"), &[("info[1].headline", "Lladradau beiciau"), ("info[1].language", "cy")]).await;
    assert_eq!(back, format!("{other}?at="));
    browser
        .sent(
            &format!("{other}?at=info[0].resource[0]"),
            &[("info[0].resource[0].uri", "https://a.example/x.jpg"), ("info[0].resource[0].size", "12")],
        )
        .await;
    let page = browser.page(&format!("/bulletins/{draft}")).await;
    for part in ["Lladradau beiciau", "CRN 2", "<a class=\"govuk-link\" href=\"https://a.example/x.jpg\"", "Exercise"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let wrong = browser.post(&format!("{other}?at=info[0].resource[0]"), &[("info[0].resource[0].size", "many")]).await;
    assert!(wrong.html.contains("Enter a whole number"), "{}", wrong.html);
    browser.sent(&format!("{other}?at=info[1]"), &[("then", "remove")]).await;
    assert!(!browser.page(&format!("/bulletins/{draft}")).await.contains("Lladradau"));
    for nowhere in ["other?at=info", "other?at=nothing[0]", "elsewhere", "other?at=info[999999]"] {
        assert_eq!(browser.get(&format!("/documents/{draft}/edit/{nowhere}")).await.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
}

#[tokio::test]
async fn a_note_and_a_guide_are_written_and_stepped_by_pages_made_of_the_same_pieces() {
    let browser = Browser::open();
    let next = browser.sent("/documents/new/note", &[("subject", "Lamps"), ("text", "Who mends them?")]).await;
    assert_eq!(next, "/documents/d1/edit/sharing");
    let police = browser.others[0].to_string();
    let next = browser.sent(&next, &[("marking", "AMBER+STRICT"), ("to", &police)]).await;
    assert_eq!(next, "/documents/d1/steps/send");
    let home = browser.sent(&next, &[]).await;
    let page = browser.page(&home).await;
    assert!(page.contains("Liaison note") && page.contains("Who mends them?") && page.contains("/steps/close"), "{page}");
    let guide = browser.sent("/documents/new/guide", &[("title", "Gates"), ("url", "javascript:alert(1)")]).await;
    assert_eq!(guide, "/documents/d2/edit/sharing");
    let page = browser.page("/guides/d2").await;
    assert!(page.contains("<bdi>javascript:alert(1)</bdi>") && page.contains("/documents/d2/steps/publish"), "{page}");
    let page = browser.page("/documents/d2/steps/publish").await;
    assert!(page.contains("href=\"/documents/d2/edit/other\">Enter: problem"), "{page}");
    assert_eq!(browser.get("/documents/new/nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stricter_marking_shows_who_loses_what_before_it_is_done() {
    let browser = Browser::open();
    let draft = browser.drafted(&WHAT).await;
    let police = browser.others[0].to_string();
    let admin = [("marking", "AMBER"), ("to", police.as_str()), (&format!("role-{police}"), "admin")];
    browser.sent(&format!("/documents/{draft}/edit/sharing"), &admin).await;
    let home = browser.sent(&format!("/documents/{draft}/steps/issue"), &[]).await;
    let reference = home.strip_prefix("/bulletins/").unwrap().split('?').next().unwrap().to_owned();
    browser.sent(&format!("/documents/{reference}/edit/sharing"), &[("marking", "RED")]).await;
    let page = browser.page(&format!("/documents/{reference}/steps/update")).await;
    assert!(page.contains("takes access away") && page.contains("name=\"narrow\""), "{page}");
    // Without having been shown that, it is refused.
    let refused = browser.post(&format!("/documents/{reference}/steps/update"), &[]).await;
    assert!(refused.to.is_none(), "{refused:?}");
    browser.sent(&format!("/documents/{reference}/steps/update"), &[("narrow", "yes")]).await;
    assert!(browser.page(&format!("/bulletins/{reference}")).await.contains("TLP:RED"));
}

#[tokio::test]
async fn a_draft_is_thrown_away_after_it_was_asked_for() {
    let browser = Browser::open();
    let draft = browser.drafted(&WHAT).await;
    assert!(browser.page(&format!("/documents/{draft}/discard")).await.contains("cannot be brought back"));
    assert_eq!(browser.sent(&format!("/documents/{draft}/discard"), &[]).await, "/bulletins?done=discarded");
    assert!(browser.page("/bulletins?done=discarded").await.contains("The draft is gone"));
    assert_eq!(browser.get(&format!("/bulletins/{draft}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_goes_on_by_cursor_keeps_its_filters_and_says_what_to_do_when_it_is_empty() {
    let browser = Browser::open();
    for number in 0..51 {
        let mut what = WHAT.to_vec();
        let headline = format!("Theft {number}");
        what[5].1 = &headline;
        let request = crate::desk::DraftRequest {
            kind: "bulletin".into(),
            assign: [
                "event=x",
                "category=Security",
                "severity=Minor",
                "urgency=Past",
                "certainty=Observed",
                &format!("headline={headline}"),
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Default::default()
        };
        browser
            .ask(move |desk| {
                let draft = desk.draft(&Actor::unnamed(), request)?;
                desk.step(&Actor::unnamed(), &draft.reference, "issue", Default::default())
            })
            .await;
    }
    let page = browser.page("/bulletins?q=Theft&state=issued").await;
    let next =
        page.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(next.starts_with("/bulletins?q=Theft&state=issued&cursor="), "{next}");
    let page = browser.page(&next).await;
    assert!(page.contains("First page") && !page.contains("Next page"), "{page}");
    let found = browser.page("/search?q=theft+17").await;
    assert!(found.contains("Theft 17") && !found.contains("Theft 18"), "{found}");
    assert!(browser.page("/search?q=nothing").await.contains("Nothing has all of these words"));
    assert!(browser.page("/bulletins?q=nothing").await.contains("No bulletin fits these filters"));
    for wrong in ["/bulletins?q=***", "/search?q=***"] {
        let refused = browser.get(wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(refused.html.contains("href=\"#q\"") && refused.html.contains("value=\"***\""), "{}", refused.html);
    }
    let cap = browser.get(&next.replace(&next, &format!("/documents/{}/export/cap", reference_in(&page)))).await;
    assert!(cap.status.is_success() && cap.html.contains("<alert"), "{cap:?}");
}

/// The first bulletin that a list links to.
fn reference_in(page: &str) -> &str {
    page.split("<tbody").nth(1).unwrap().split("href=\"/bulletins/").nth(1).unwrap().split('"').next().unwrap()
}
