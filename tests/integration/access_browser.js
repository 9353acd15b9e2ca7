// The dashboard where reading needs a token. access_browser.js URL TOKEN CHROMIUM PICTURE: ends with 0 if all holds, else says what does not.
const assert = require("node:assert");
const { chromium } = require("playwright-core");

const [url, token, executablePath, picture] = process.argv.slice(2);
const MS_MAX = 120000;  // far beyond anything usual: none of this tests speed

const answers = async (page, text) => {
  await page.waitForSelector("#token-dialog[open]");
  await page.fill("#token-text", text);
  await page.click("#token-dialog button[type=submit]");
};

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(MS_MAX);
    const page = await context.newPage();
    const sockets = [];
    page.on("websocket", socket => sockets.push(socket));
    await page.goto(url);
    await answers(page, "not the token");
    await answers(page, token);
    await page.waitForFunction(() => document.getElementById("state").textContent === "serving");
    await page.waitForSelector("#events tbody tr");
    assert.strictEqual(await page.locator("#token-dialog[open]").count(), 0, "it is asked for no longer");
    assert.ok(sockets.length > 0);
    await page.screenshot({ path: picture });
  } finally {
    await browser.close();
  }
})().catch(error => { console.error(error); process.exit(1); });
