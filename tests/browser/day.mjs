// An operator's and an officer's day, at the pages of two nodes that are neighbours already.
//
//   node day.mjs WAY OPERATOR-LINK OFFICER-LINK

import assert from "node:assert/strict";
import { Person, WAYS, withBrowser } from "./browser.mjs";

const [way, operatorLink, officerLink] = process.argv.slice(2);
assert.ok(way in WAYS, `${way} is no way to use the pages`);

/// Writes a bulletin for the police as far as the page on which it is checked.
async function writes(operator, headline, behaviour) {
    await operator.open("/bulletins");
    await operator.press("Write a bulletin");
    await operator.fill("behaviour", behaviour);
    await operator.fill("info[0].onset-day", "22");
    await operator.fill("info[0].onset-month", "11");
    await operator.fill("info[0].onset-year", "2026");
    await operator.fill("info[0].onset-time", "9:30pm");
    await operator.fill("info[0].headline", headline);
    await operator.choose("info[0].category", "Security");
    await operator.fill("info[0].event", "Bicycle theft");
    await operator.press("Save and continue");
    await operator.fill("trait-top", "green jacket");
    await operator.fill("trait-shoes", "white trainers");
    await operator.press("Save and continue");
    await operator.fill("info[0].area[0].areaDesc", "Mill Road");
    await operator.fill("wards", "E05014095");
    await operator.press("Save and continue");
    for (const [name, value] of [["severity", "Minor"], ["urgency", "Past"], ["certainty", "Observed"]]) await operator.choose(`info[0].${name}`, value);
    await operator.press("Save and continue");
    await operator.choose("marking", "AMBER+STRICT");
    await shares(operator);
}

/// Gives what is being written to the police.
async function shares(operator) {
    const police = operator.page.getByLabel("Lambeth Police", { exact: true });
    await operator.choose("to", await police.getAttribute("value"));
    await operator.press("Save and continue");
}

await withBrowser(async (browser) => {
    const operator = await Person.at(browser, "Asha Operator", operatorLink, way);
    const officer = await Person.at(browser, "Bea Officer", officerLink, way);
    await operator.begins(operatorLink);
    await officer.begins(officerLink);
    await operator.open("/");
    await operator.picture("home");

    // A bulletin is written, read, answered and withdrawn.
    await writes(operator, "Bicycle thefts in Mill Road", "Somebody cut the lock of a bicycle.");
    await operator.picture("check");
    await operator.press("Issue");
    await operator.sees("Signed, and on its way");
    const address = new URL(operator.page.url()).pathname;
    await officer.waitsFor("/bulletins", "Bicycle thefts in Mill Road");
    await officer.picture("bulletins");
    await officer.press("Bicycle thefts in Mill Road");
    await officer.sees("Somebody cut the lock of a bicycle.");
    await officer.picture("bulletin");
    await officer.unfold("Respond");
    await officer.choose("remark", "seen-here-too");
    await officer.press("Send response");
    await operator.waitsFor(address, "1 saw the same.");
    await operator.press("Withdraw");
    await operator.choose("reason", "mistaken");
    await operator.press("Withdraw it for good");
    await officer.waitsFor(address, "Do not act on it");

    // What names somebody goes into an annex, which opens for a reason that its owner reads.
    await writes(operator, "A lock was cut in Mill Road", "Mr Quillon Byron cut the lock.");
    await operator.press("Issue");
    await operator.sees("Mr Quillon Byron");
    await operator.choose("found-0", "move");
    await operator.press("Issue");
    await operator.sees("[in the annex] cut the lock");
    const bulletin = new URL(operator.page.url()).pathname;
    // A draft's number; what was shared has ten digits, of which the first may be a d too.
    const links = await operator.page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    const annex = links.find((link) => /^\/documents\/d\d{1,3}$/.test(link));
    assert.ok(annex, "there is a draft of an annex");
    await operator.open(`${annex}/edit/sharing`);
    await shares(operator);
    await operator.press("Issue");
    await officer.waitsFor(bulletin, "Annex");
    await officer.seesNothingOf("Quillon");
    await officer.open("/search?q=Quillon");
    await officer.seesNothingOf("A lock was cut");
    await officer.open(bulletin);
    await officer.page.locator('main a[href*="/open"]').first().click();
    await officer.look();
    await officer.fill("reason", "to arrest the suspect, case 4411");
    await officer.press("Open it");
    await officer.sees("Mr Quillon Byron");
    await operator.waitsFor("/log", "case 4411");
    await operator.picture("log");

    for (const page of ["/", "/bulletins", "/guides", "/liaison", "/partners", "/circles", "/log", "/account", "/accounts", "/search?q=bicycle"]) {
        await operator.open(page);
        await officer.open(page);
    }
    await operator.open("/partners");
    await operator.picture("partners");
    await operator.press("Sign out");
    await operator.page.goto(new URL("/bulletins", operator.origin).href);
    assert.equal(new URL(operator.page.url()).pathname, "/sign-in");
    await operator.look();
    console.log(JSON.stringify({ way, pages: [...new Set([...operator.seen, ...officer.seen])].sort() }));
});
