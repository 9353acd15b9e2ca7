// Node's clients against the zoo's tables: node_zoo.js NAME URI. Each client reads, writes and reads again; what it reads must be what
// it wrote. Ends with 0, or prints what was wrong. The reads are repeated, with pauses, so that they become hits.
'use strict';
const assert = require('assert');
const [name, uri] = process.argv.slice(2);
const ROUNDS = 6, REPEATS = 25;
const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

// read() gives the stock of item 7; write() raises it by one.
async function cycle(read, write) {
  let stock = await read();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < REPEATS; i++) {
      assert.strictEqual(await read(), stock);
      if (i % 5 === 0) await pause();
    }
    await write();
    stock++;
    assert.strictEqual(await read(), stock);
  }
}

async function pg() {
  const { Client, Pool } = require('pg');
  const Cursor = require('pg-cursor');
  const { from, to } = require('pg-copy-streams');
  const client = new Client({ connectionString: uri });
  await client.connect();
  const write = () => client.query('UPDATE item SET stock = stock + 1 WHERE id = $1', [7]);
  await cycle(async () => (await client.query('SELECT stock FROM item WHERE id = 7')).rows[0].stock, write);
  await cycle(async () => (await client.query('SELECT stock FROM item WHERE id = $1', [7])).rows[0].stock, write);
  await cycle(async () => (await client.query({ name: 'by-id', text: 'SELECT stock FROM item WHERE id = $1', values: [7] })).rows[0].stock, write);
  await cycle(async () => (await client.query({ text: 'SELECT stock FROM item WHERE id = $1', values: [7], rowMode: 'array' })).rows[0][0], async () => {
    await client.query('BEGIN');
    await write();
    await client.query('COMMIT');
  });
  const many = await Promise.all([7, 8, 7, 9].map((id) => client.query('SELECT id FROM item WHERE id = $1', [id])));
  assert.deepStrictEqual(many.map((result) => result.rows[0].id), [7, 8, 7, 9]);
  const results = await client.query('SELECT 1 AS a; UPDATE item SET stock = stock WHERE id = 1; SELECT 2 AS b');
  assert.strictEqual(results.length, 3);
  await assert.rejects(client.query('SELECT 1 / 0'), { code: '22012' });
  await assert.rejects(client.query('SELECT nothing FROM item WHERE id = $1', [1]), { code: '42703' });
  const cursor = client.query(new Cursor('SELECT id FROM item ORDER BY id'));
  assert.strictEqual((await cursor.read(7)).length, 7);
  assert.strictEqual((await cursor.read(7))[0].id, 8);
  await cursor.close();
  const copy = client.query(from('COPY item (id, name, stock) FROM STDIN'));
  await new Promise((resolve, reject) => {
    copy.on('finish', resolve).on('error', reject);
    copy.end('2001\tcopied\t1\n2002\tcopied\t2\n');
  });
  assert.strictEqual((await client.query("SELECT count(*)::int AS n FROM item WHERE name = 'copied'")).rows[0].n, 2);
  let size = 0;
  for await (const part of client.query(to('COPY (SELECT repeat(\'x\', 1000) FROM generate_series(1, 2000)) TO STDOUT'))) size += part.length;
  assert.strictEqual(size, 2000 * 1001);
  const heard = new Promise((resolve) => client.once('notification', (message) => resolve(message.payload)));
  await client.query('LISTEN zoo');
  await client.query("NOTIFY zoo, 'payload'");
  assert.strictEqual(await heard, 'payload');
  await client.end();
  const pool = new Pool({ connectionString: uri, max: 4 });
  const rows = await Promise.all(Array.from({ length: 40 }, (_, i) => pool.query('SELECT id FROM item WHERE id = $1', [1 + i % 40])));
  assert.deepStrictEqual(rows.map((r) => r.rows[0].id), Array.from({ length: 40 }, (_, i) => 1 + i));
  await pool.end();
}

async function postgres() {
  for (const options of [{ max: 1 }, { max: 1, prepare: false }, { max: 3 }]) {
    const sql = require('postgres')(uri, { ...options, onnotice: () => {} });
    const write = () => sql`UPDATE item SET stock = stock + 1 WHERE id = ${7}`;
    await cycle(async () => (await sql`SELECT stock FROM item WHERE id = ${7}`)[0].stock, write);
    await cycle(async () => (await sql`SELECT stock FROM item WHERE id = 7`.simple())[0].stock, write);
    await cycle(async () => (await sql`SELECT stock FROM item WHERE id = ${7}`)[0].stock, () => sql.begin(async (block) => {
      const [{ stock }] = await block`SELECT stock FROM item WHERE id = ${7}`;
      await block`UPDATE item SET stock = ${stock + 1} WHERE id = ${7}`;
    }));
    await assert.rejects(sql`SELECT 1 / ${0}::int`, { code: '22012' });
    await assert.rejects(sql.begin(async (block) => {
      await block`UPDATE item SET stock = 0 WHERE id = 7`;
      throw new Error('no');
    }));
    const ids = [];
    await sql`SELECT id FROM item ORDER BY id`.cursor(7, (rows) => { ids.push(...rows.map((row) => row.id)); });
    assert.ok(ids.length >= 50 && ids[0] === 1);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => sql`SELECT id FROM item WHERE id = ${1 + i}`));
    assert.deepStrictEqual(answers.map((rows) => rows[0].id), Array.from({ length: 30 }, (_, i) => 1 + i));
    const heard = new Promise((resolve) => { sql.listen('zoo', resolve).then(() => sql.notify('zoo', 'payload')); });
    assert.strictEqual(await heard, 'payload');
    const slow = sql`SELECT pg_sleep(300)`.execute();
    setTimeout(() => slow.cancel(), 300);
    await assert.rejects(slow, { code: '57014' });
    await sql.end();
  }
}

({ pg, postgres })[name]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
