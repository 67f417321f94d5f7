// Medians and ratios of what `run` measured: `node report.mjs table|json SIZES RESULTS SHAPE
// THREADS SEQUENCES RUNS REPEATS PROMPT_TOKENS GENERATE_TOKENS BUSY_ROUNDS`.
import { readFileSync } from "node:fs";

const [style, sizesFile, resultsFile, shape, ...counts] = process.argv.slice(2);
const [threads, sequences, runs, repeats, promptTokens, generateTokens, busyRounds] = counts.map(Number);

const METRICS = ["decode", "decode_together", "prefill"];
const ENGINES = { llama: "llama.cpp", lightmamba: "lightmamba" };

const rows = (file) => readFileSync(file, "utf8").trimEnd().split("\n").map((line) => line.split("\t"));

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function contendersOf() {
  const contenders = rows(sizesFile).map(([engine, name, bytes]) => ({
    engine, name, bits: Number(name[1]), bytes: Number(bytes), values: {},
  }));
  const reports = {};
  for (const [engine, name, together, text] of rows(resultsFile)) {
    const report = JSON.parse(text);
    const { values } = contenders.find((c) => c.engine === engine && c.name === name);
    const add = (metric, value) => (values[metric] ??= []).push(value);
    if (Number(together) === 1) {
      add("decode", report.decode_tokens_per_second);
      add("prefill", report.prefill_tokens_per_second);
    } else {
      add("decode_together", report.decode_tokens_per_second);
    }
    reports[engine] = report;
  }
  return { contenders, reports };
}

function fastest(contenders, metric) {
  return contenders.reduce((best, c) =>
    best && median(best.values[metric]) >= median(c.values[metric]) ? best : c, undefined);
}

function ratiosOf(contenders, metrics) {
  const theirs = contenders.filter((c) => c.engine === "llama");
  return contenders.filter((c) => c.engine === "lightmamba").map((ours) => {
    const ratio = { scheme: ours.name };
    for (const metric of metrics) {
      const best = fastest(theirs.filter((c) => c.bits === ours.bits), metric);
      if (best) {
        const factor = median(ours.values[metric]) / median(best.values[metric]);
        ratio[metric] = { against: best.name, ratio: factor };
      }
    }
    return ratio;
  });
}

function printTable(table) {
  const widths = table[0].map((_, i) => Math.max(...table.map((row) => row[i].length)));
  for (const row of table) {
    console.log(row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ").trimEnd());
  }
}

const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const speed = (value) => value.toFixed(value < 100 ? 2 : 0);
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

const { contenders, reports } = contendersOf();
const metrics = METRICS.filter((metric) => contenders.every((c) => c.values[metric]));
const ratios = ratiosOf(contenders, metrics);

if (style === "json") {
  console.log(JSON.stringify({
    shape, threads, sequences, runs, repeats, busy_rounds: busyRounds,
    prompt_tokens: promptTokens, generate_tokens: generateTokens,
    llama_version: reports.llama.version, llama_system: reports.llama.system,
    isa: reports.lightmamba.isa,
    contenders: contenders.map(({ engine, name, bytes, values }) => ({
      engine: ENGINES[engine], name, bytes,
      tokens_per_second: Object.fromEntries(metrics.map((metric) =>
        [metric, { median: median(values[metric]), values: values[metric] }])),
    })),
    ratios,
  }));
} else {
  const heads = { decode: "decode", decode_together: `${sequences} at once`, prefill: "prefill" };
  const columns = metrics.map((metric) => heads[metric]);
  console.log(`${shape}, ${plural(threads, "thread")}, tokens/s: ${plural(generateTokens, "token")} `
    + `decoded, prefill of ${promptTokens};`);
  console.log(`medians of ${plural(runs, "alternating run")}; llama.cpp ${reports.llama.version}, `
    + `lightmamba on ${reports.lightmamba.isa}\n`);
  printTable([
    ["", "size", ...columns],
    ...contenders.map((c) => [`${ENGINES[c.engine]} ${c.name}`, megabytes(c.bytes),
      ...metrics.map((metric) => speed(median(c.values[metric])))]),
  ]);
  console.log("\nlightmamba over the faster llama.cpp format of as many bits\n");
  printTable([
    ["", ...columns],
    ...ratios.map((r) => [r.scheme, ...metrics.map((metric) =>
      r[metric] ? `${r[metric].ratio.toFixed(2)} x ${r[metric].against}` : "-")]),
  ]);
  if (busyRounds) console.log(`\nOther work was running in ${plural(busyRounds, "round")}.`);
}
