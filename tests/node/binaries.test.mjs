/** Which binary runs, with how many threads, and that each gives the reference's numbers. Each test has a process of its own. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** Node 20 has relaxed SIMD behind a flag that later versions do not know. */
const relaxed = process.versions.node.startsWith("20.") ? ["--experimental-wasm-relaxed-simd"] : [];
const isPlain = relaxed.length > 0;

const prelude = `
  import assert from "node:assert/strict";
  import { readFileSync } from "node:fs";
  import { init, load, Tensor } from "edgewise";
  const { images, mnist, sentences } = await import("./models.mjs");
  const wasm = (name) => readFileSync(new URL(import.meta.resolve("edgewise/" + name + ".wasm")));
`;

function runFresh(script, flags = relaxed) {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [...flags, "--input-type=module", "-e", prelude + script],
    { cwd: fileURLToPath(new URL(".", import.meta.url)), encoding: "utf8", timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return stdout;
}

const report = `
  const session = await load(mnist);
  const { build, threads } = session.stats();
  console.log(JSON.stringify({ build, threads }));
`;

test("the best binary for one thread is chosen", () => {
  assert.deepEqual(JSON.parse(runFresh(report)), { build: "relaxed-simd", threads: 1 });
  if (isPlain) assert.deepEqual(JSON.parse(runFresh(report, [])), { build: "simd128", threads: 1 });
});

test("threads take part where they are asked for, and do not keep the process alive", () => {
  const found = JSON.parse(runFresh(`await init({ threads: 3 }); ${report}`));
  assert.deepEqual(found, { build: "relaxed-simd threads", threads: 3 });
  assert.equal(JSON.parse(runFresh(`await init({ threads: 1 }); ${report}`)).build, "relaxed-simd");
  if (isPlain)
    assert.equal(JSON.parse(runFresh(`await init({ threads: 3 }); ${report}`, [])).build, "simd128");
});

test("a module of the caller's own may be any of the binaries", () => {
  for (const [name, build] of [
    ["edgewise", "simd128"],
    ["edgewise-relaxed", "relaxed-simd"],
    ["edgewise-threads", "relaxed-simd threads"],
  ]) {
    const found = JSON.parse(runFresh(`await init({ wasm: wasm("${name}") }); ${report}`));
    assert.deepEqual(found, { build, threads: 1 });
  }
});

test("a number of threads that is none is refused", () => {
  runFresh(`
    for (const threads of [0, 1.5, "two", -1]) {
      await assert.rejects(init({ threads }), { code: "INPUT_INVALID", message: /threads/ });
    }
  `);
});

test("results are the same bits on any number of threads", () => {
  const results = [1, 2, 4].map((threads) =>
    runFresh(`
      await init({ threads: ${threads}, wasm: wasm("edgewise-threads") });
      const { createHash } = await import("node:crypto");
      const hash = createHash("sha256");
      for (const { model, inputs } of [images, sentences]) {
        const session = await load(model);
        for (let run = 0; run < 20; run += 1) {
          const outputs = await session.run(inputs);
          if (run > 17) for (const { data } of Object.values(outputs)) hash.update(new Uint8Array(data.buffer));
        }
        assert.equal(session.stats().threads, ${threads});
      }
      console.log(hash.digest("hex"));
    `),
  );
  assert.equal(new Set(results).size, 1, results.join());
});

test("after a trap the threads end, and the next load has threads again", () => {
  runFresh(
    `
    const { identity, scale } = await import("./models.mjs");
    await init({ threads: 2 });
    const session = await load(identity("string", ["n"]));
    const long = "x".repeat(60_000_000);
    await assert.rejects(session.run({ x: [long, long] }), { code: "ENGINE_CRASHED" });
    const next = await load(scale);
    assert.deepEqual([...(await next.run({ x: [[1, 1, 1]] })).y.data], [1, 2, 3]);
    assert.equal(next.stats().threads, 2);
  `,
    [...relaxed, "--wasm-max-mem-pages=1600"],
  );
});
