// A person at a browser: Debian's Chromium, driven by playwright-core, and every page looked over by axe.
//
// Whatever goes wrong on a page fails the run: a script that throws, a policy that is broken, a load from elsewhere, a rule of
// WCAG 2.2 AA that axe finds broken, or a line that is wider than the screen.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.CSU_TEST_NODE_MODULES, "package.json"));
const { chromium } = require("playwright-core");
const { AxeBuilder } = require("@axe-core/playwright");

// What axe calls the rules that these pages keep.
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PATIENCE_MS = 15_000;

/// How somebody uses the pages.
export const WAYS = {
    script: { options: {}, axe: true },
    plain: { options: { javaScriptEnabled: false }, axe: false },
    narrow: { options: { viewport: { width: 360, height: 740 } }, axe: true },
    keyboard: { options: {}, axe: false, keyboard: true },
};

/// Starts the browser, hands it to `work`, and stops it whatever happens.
export async function withBrowser(work) {
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    try {
        await work(browser);
    } finally {
        await browser.close();
    }
}

/// One person with a browser of their own, at one node's pages.
export class Person {
    static async at(browser, name, address, way) {
        const context = await browser.newContext({ ...WAYS[way].options, locale: "en-GB", timezoneId: "Europe/London" });
        const page = await context.newPage();
        page.setDefaultTimeout(PATIENCE_MS);
        return new Person(name, new URL(address).origin, page, WAYS[way]);
    }

    constructor(name, origin, page, way) {
        Object.assign(this, { name, origin, page, way, faults: [], seen: new Set() });
        page.on("pageerror", (error) => this.faults.push(`a script failed: ${error}`));
        page.on("console", (message) => {
            // That a form was refused is what some of these walks are about.
            const refused = message.text().includes("status of 422");
            if (message.type() === "error" && !refused) this.faults.push(`${message.text()} ${message.location().url}`);
        });
        page.on("request", (request) => {
            const { protocol, origin: from } = new URL(request.url());
            if (protocol !== "data:" && from !== origin) this.faults.push(`loads from elsewhere: ${request.url()}`);
        });
    }

    /// Opens a page of the site.
    async open(address) {
        await this.page.goto(new URL(address, this.origin).href);
        await this.look();
    }

    /// The page as it is now is as every page must be.
    async look() {
        await this.page.waitForLoadState("load");
        const where = new URL(this.page.url()).pathname;
        assert.deepEqual(this.faults, [], `${this.name} at ${where}`);
        assert.equal(await this.page.locator("h1").count(), 1, `${where} has one heading`);
        assert.ok(await this.page.locator("text=999").count(), `${where} says what to do in an emergency`);
        const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${where} is ${wide} pixels wider than the screen`);
        if (!this.way.axe) return;
        const { violations } = await new AxeBuilder({ page: this.page }).withTags(RULES).analyze();
        const said = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
        assert.deepEqual(said, [], `${this.name} at ${where}`);
        this.seen.add(where.replace(/\/[0-9a-f]{8,}|\/d[0-9]+/g, "/…"));
    }

    /// Does something to what is found: by mouse, or by the keyboard alone.
    async #reach(found) {
        await found.waitFor();
        // Whoever has no mouse goes on by the tabulator until they are there.
        for (let steps = 0; steps < 200; steps++) {
            if (await found.evaluate((element) => element === document.activeElement)) return;
            await this.page.keyboard.press("Tab");
        }
        assert.fail(`${await found.evaluate((element) => element.outerHTML)} cannot be reached by the keyboard`);
    }

    async fill(name, value) {
        const input = this.page.locator(`[name="${name}"]`).first();
        if (!this.way.keyboard) return input.fill(value);
        await this.#reach(input);
        await this.page.keyboard.press("Control+A");
        await this.page.keyboard.type(value);
    }

    /// Chooses from a list, a row of buttons or boxes.
    async choose(name, value) {
        const select = this.page.locator(`select[name="${name}"]`);
        if (await select.count()) {
            if (!this.way.keyboard) return select.selectOption(value);
            await this.#reach(select);
            for (let steps = 0; steps < 100 && (await select.inputValue()) !== value; steps++) await this.page.keyboard.press("ArrowDown");
            return assert.equal(await select.inputValue(), value);
        }
        const box = this.page.locator(`[name="${name}"][value="${value}"]`);
        if (!this.way.keyboard) return box.check();
        if ((await box.getAttribute("type")) === "checkbox") {
            await this.#reach(box);
            return this.page.keyboard.press("Space");
        }
        // The first of a row of buttons is reached by the tabulator, the others by the arrows.
        const row = this.page.locator(`[name="${name}"]`);
        await this.#reach((await row.and(this.page.locator(":checked")).count()) ? row.and(this.page.locator(":checked")) : row.first());
        await this.page.keyboard.press("Space");
        for (let steps = 0; steps < 50 && !(await box.isChecked()); steps++) await this.page.keyboard.press("ArrowDown");
        assert.ok(await box.isChecked());
    }

    async #press(found) {
        if (!this.way.keyboard) return found.click();
        await this.#reach(found);
        await this.page.keyboard.press("Enter");
    }

    /// Presses a button or follows a link by what it says, and looks at the page that follows.
    async press(words) {
        // On a narrow screen the navigation is folded up.
        const menu = this.page.getByRole("button", { name: "Menu", exact: true });
        if (words === "Sign out" && (await menu.isVisible())) await menu.click();
        const named = { name: words, exact: true };
        const found = this.page.getByRole("button", named).or(this.page.getByRole("link", named)).first();
        const before = await this.page.evaluate(() => performance.timeOrigin);
        await this.#press(found);
        // What follows is another page, even at the same address.
        for (let tries = 0; tries < 300; tries++) {
            const now = await this.page.evaluate(() => performance.timeOrigin).catch(() => before);
            if (now !== before) break;
            await this.page.waitForTimeout(20);
        }
        await this.look();
    }

    /// Unfolds what stands behind these words.
    async unfold(words) {
        await this.#press(this.page.locator("summary", { hasText: words }).first());
    }

    /// The page says this.
    async sees(words) {
        const text = await this.page.locator("main").innerText();
        assert.ok(text.includes(words), `${this.name} at ${this.page.url()} does not see “${words}” in:\n${text}`);
    }

    /// The page says nothing of this.
    async seesNothingOf(words) {
        assert.ok(!(await this.page.content()).includes(words), `${this.name} at ${this.page.url()} sees “${words}”`);
    }

    /// Opens a page again and again until it says this.
    async waitsFor(address, words) {
        const until = Date.now() + PATIENCE_MS;
        for (;;) {
            await this.page.goto(new URL(address, this.origin).href);
            if ((await this.page.locator("main").innerText()).includes(words)) return this.look();
            assert.ok(Date.now() < until, `${this.name} waited for “${words}” at ${address}`);
            await this.page.waitForTimeout(100);
        }
    }

    /// Makes the first account of a node, by the link that it printed.
    async begins(link) {
        await this.page.goto(link);
        await this.look();
        await this.fill("name", this.name);
        await this.fill("password", "staple wharf lantern otter");
        if (await this.page.locator('[name="again"]').count()) await this.fill("again", "staple wharf lantern otter");
        await this.press("Make the account");
    }

    /// A picture of the page, where pictures are wanted.
    async picture(file) {
        const folder = process.env.CSU_TEST_PICTURES;
        if (folder) await this.page.screenshot({ path: path.join(folder, `${file}.png`), fullPage: true });
    }
}
