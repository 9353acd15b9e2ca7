// What a newcomer does on the dashboard, one step after the other. newcomer_browser.js URL TOKEN CHROMIUM FOLDER: each line of standard input names a step, and each is
// answered by a line "done"; ends with 1 and says why when something is not as it should be. FOLDER gets a picture of each step.
const assert = require("node:assert");
const path = require("node:path");
const readline = require("node:readline");
const { chromium } = require("playwright-core");

const [url, token, executablePath, folder] = process.argv.slice(2);
const MS_MAX = 120000;
let number = 0;

const text = (page, id) => page.textContent(`#${id}`);
const until = (page, check, value) => page.waitForFunction(check, value, { timeout: MS_MAX });

async function giveToken(page) {
  await page.waitForSelector("#token-dialog[open]");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
}

const steps = {
  async run(page) {
    await page.goto(url);
    await until(page, () => document.getElementById("state").textContent === "serving");
  },
  async hits(page) {
    await until(page, () => [...document.querySelectorAll("#queries tbody tr")].some(row => row.textContent.includes("FROM dishes") && row.querySelector("meter").value > 0.5));
    await until(page, () => (document.querySelector("#rate-chart path.s0").getAttribute("d").match(/L/g) ?? []).length >= 8);  // a line to be seen
    await until(page, () => /hits [1-9]/.test(document.getElementById("rate-chart").textContent));
    await until(page, () => document.getElementById("live").textContent.includes("FROM dishes"));
  },
  async rule(page) {
    const button = page.locator("#queries tr", { hasText: "count(*)" }).getByRole("button");
    await button.focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("#rule-dialog[open]");
    assert.equal(await page.evaluate(() => document.activeElement.id), "rule-effect");
    assert.ok(await page.isDisabled("#rule-make"), "a rule can be made before anybody saw what it matches");
    await page.selectOption("#rule-effect", "ttl");
    await page.click("#rule-check");
    await giveToken(page);
    await until(page, () => document.getElementById("rule-matches").textContent.includes("would have matched"));
    await page.screenshot({ path: path.join(folder, `${String(number).padStart(2, "0")}-rule-dialog.png`) });
    assert.equal((await (await fetch(`${url}/api/v1/rules`)).json()).rules.length, 0, "the dry run made a rule");
    await page.click("#rule-make");
    await until(page, () => document.querySelector("#rules button") !== null);
    await until(page, () => document.getElementById("events").textContent.includes("was made"));
  },
  async undo(page) {
    await page.click("#rules button");
    await until(page, () => document.querySelector("#rules button") === null);
    await until(page, () => document.getElementById("events").textContent.includes("was dropped"));
  },
  async purge(page) {
    await page.locator("#memory-by-relation tr", { hasText: "public.dishes" }).getByRole("button").click();
    await until(page, () => document.getElementById("message").textContent.includes("was dropped"));
    await until(page, () => document.getElementById("events").textContent.includes("what depends on it was dropped"));
  },
  async broken(page) {
    await until(page, () => document.getElementById("state").textContent.startsWith("not serving"));
    await until(page, () => document.getElementById("events").textContent.includes("PostgreSQL cannot be reached"));
  },
  async fixed(page) {
    await until(page, () => document.getElementById("state").textContent === "serving");
    await until(page, () => document.getElementById("events").querySelector("tbody").textContent.includes("PostgreSQL can be reached"));
  },
};

async function main() {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const said = [];
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, colorScheme: "light" });
    page.setDefaultTimeout(MS_MAX);
    page.on("pageerror", error => said.push(String(error)));
    for await (const name of readline.createInterface({ input: process.stdin })) {
      number += 1;
      await steps[name](page);
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.screenshot({ path: path.join(folder, `${String(number).padStart(2, "0")}-${name}.png`), fullPage: name === "hits" });
      assert.deepEqual(said, []);
      process.stdout.write("done\n");
    }
  } finally {
    await browser.close();
  }
}

main().catch(error => { console.error(error); process.exit(1); });
