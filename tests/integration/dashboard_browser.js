// The dashboard in a real browser. dashboard_browser.js URL TOKEN CHROMIUM FOLDER: ends with 0 if all holds, else says what does not.
// FOLDER gets the pictures: dashboard-light.png and dashboard-dark.png, and phone.png.
const assert = require("node:assert");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [url, token, executablePath, folder] = process.argv.slice(2);
const MS_MAX = 120000;  // far beyond anything usual: none of this tests speed

// A page that writes down what it should not have done.
async function open(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(MS_MAX);
  const page = await context.newPage();
  page.said = [];
  page.hosts = new Set();
  page.on("console", message => { if (message.type() === "error" || message.type() === "warning") page.said.push(message.text()); });
  page.on("pageerror", error => page.said.push(String(error)));
  page.on("request", request => page.hosts.add(new URL(request.url()).host));
  await page.goto(url);
  await page.waitForFunction(() => document.getElementById("state").textContent === "serving");
  await page.waitForSelector("#queries tbody tr");
  await page.waitForSelector("#relations tbody tr");
  await page.waitForSelector("#memory-by-relation button");
  return page;
}

// Of the colours that are really there, as WCAG counts it.
const contrastOf = selector => {
  const parts = colour => colour.match(/[\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(value => value / 255).map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  let behind = element;
  while (behind !== document.documentElement && /rgba\(.*, 0\)/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const [a, b] = [light(getComputedStyle(element).color), light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};

async function checkLooks(page, what) {
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(tooWide <= 0, `${what}: the page is ${tooWide} pixels wider than the window`);
  for (const selector of ["#state", "#where", "dd", ".card .soft", "#token", "td code", "figcaption"]) {
    const contrast = await page.evaluate(contrastOf, selector);
    assert.ok(contrast >= 4.5, `${what}: ${selector} has a contrast of ${contrast.toFixed(2)}`);
  }
}

async function checkKeyboard(page) {
  const reached = [];
  await page.evaluate(() => document.activeElement.blur());
  for (let i = 0; i < 200; i += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (one === document.body) return null;
      const box = one.getBoundingClientRect();
      return { name: one.getAttribute("aria-label") || one.textContent.trim(), id: one.id, top: box.top + window.scrollY, isOutlined: getComputedStyle(one).outlineStyle !== "none", seen: one.dataset.seen === "1", mark: (one.dataset.seen = "1") };
    });
    if (at === null || at.seen) break;
    reached.push(at);
  }
  assert.match(reached[0].name, /^Skip/);
  assert.equal(reached[1].id, "token");
  for (const one of reached) {
    assert.ok(one.name, `what is reached as ${one.id} has no name`);
    assert.ok(one.isOutlined, `the focus on "${one.name}" is not seen`);
  }
  const tops = reached.slice(2).map(one => one.top);
  assert.ok(tops.every((top, i) => i === 0 || top >= tops[i - 1] - 60), "the focus goes down the page");
  const wanted = await page.evaluate(() => [...document.querySelectorAll("main button:not(:disabled), main summary, main .wide")].filter(one => one.checkVisibility()).length);
  assert.ok(reached.length >= wanted, `${reached.length} of ${wanted} were reached`);
}

// What has the focus keeps it while the numbers around it change.
async function checkFocusIsKept(page) {
  await page.focus("#relations .wide");
  const before = await page.textContent("#relations");
  await page.waitForFunction(text => document.getElementById("relations").textContent !== text, before);
  assert.ok(await page.evaluate(() => document.activeElement.matches("#relations .wide")), "the focus was lost by a refresh");
}

async function checkPurge(page) {
  const before = page.said.length;
  const fill = async text => {
    await page.focus("#memory-by-relation button");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#token-dialog[open]");
    assert.equal(await page.evaluate(() => document.activeElement.id), "token-text");
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#message:not([hidden])");
    return page.textContent("#message");
  };
  assert.match(await fill("wrong"), /^Not done/);
  assert.equal(await page.textContent("#token"), "Enter token");
  await page.waitForFunction(() => document.getElementById("message").hidden);
  assert.match(await fill(token), /was dropped/);
  assert.equal(await page.textContent("#token"), "Forget token");
  // Only the answer to the wrong token may have been said.
  assert.deepEqual(page.said.slice(before).filter(text => !text.includes("401")), []);
  const kept = await page.evaluate(() => ({ session: Object.values(sessionStorage), local: localStorage.length, cookie: document.cookie, url: location.href }));
  assert.deepEqual(kept, { session: [token], local: 0, cookie: "", url: url + "/" });
  await page.click("#token");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
}

// Of every statement for which there is advice: as many nodes as the text has, and the costliest marked, in colour and in words.
async function checkPlans(page) {
  await page.waitForSelector("#slow .plan", { state: "attached" });
  const plans = await page.evaluate(() => [...document.querySelectorAll("#slow details:not(.inner)")].filter(one => one.querySelector(".plan")).map(one => ({
    text: one.querySelector("pre[aria-label=Plan]").textContent, nodes: one.querySelectorAll(".plan .node").length / one.querySelectorAll("div > .plan").length,
    marks: one.querySelectorAll(".plan .costly > .node > .mark").length })));
  assert.ok(plans.length > 0);
  for (const plan of plans) {
    assert.ok(plan.marks >= 1, "no node is marked");
    assert.equal(plan.nodes, plan.text.match(/\(cost /g).length);
  }
  await page.evaluate(() => { document.querySelector("#slow .plan").closest("details").open = true; document.querySelector("#slow .plan").scrollIntoView(); });
  await page.screenshot({ path: path.join(folder, "plan.png") });
}

async function checkStreams(page) {
  await page.waitForSelector("#live tbody tr");
  await page.waitForSelector("#events tbody tr");
  const moves = () => document.getElementById("live").textContent;
  const before = await page.evaluate(moves);
  await page.waitForFunction(text => document.getElementById("live").textContent !== text, before);
  await page.click("#live-hold");
  assert.equal(await page.getAttribute("#live-hold", "aria-pressed"), "true");
}

async function checkItSaysWhenItIsDown(page) {
  await page.route("**/api/v1/status", route => route.abort());
  await page.waitForFunction(() => document.getElementById("state").textContent === "Larder does not answer");
  await page.unroute("**/api/v1/status");
  await page.waitForFunction(() => document.getElementById("state").textContent === "serving");
}

async function main() {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const wide = { width: 1280, height: 1000 };
    const light = await open(browser, { viewport: wide, colorScheme: "light" });
    const dark = await open(browser, { viewport: wide, colorScheme: "dark" });
    const phone = await open(browser, { viewport: { width: 360, height: 760 }, colorScheme: "dark", isMobile: true, hasTouch: true });
    for (const [name, page] of Object.entries({ light, dark, phone })) {
      // A line has to have some points before it is one.
      await page.waitForFunction(() => (document.querySelector("#rate-chart path.s0")?.getAttribute("d").match(/L/g) ?? []).length >= 20);
      await checkLooks(page, name);
      await page.screenshot({ path: path.join(folder, name === "phone" ? "phone.png" : `dashboard-${name}.png`) });
      await page.screenshot({ path: path.join(folder, `whole-${name}.png`), fullPage: true });
    }
    const background = page => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.notEqual(await background(light), await background(dark));
    await checkKeyboard(light);
    await checkFocusIsKept(light);
    for (const page of [light, dark, phone]) {
      assert.deepEqual(page.said, []);
      assert.deepEqual([...page.hosts], [new URL(url).host]);
    }
    await checkStreams(light);
    await checkPlans(light);
    await checkPurge(light);
    await checkItSaysWhenItIsDown(dark);
  } finally {
    await browser.close();
  }
}

main().catch(error => { console.error(error); process.exit(1); });
