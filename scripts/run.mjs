// Run a script of this folder by its name: `node scripts/run.mjs start`. It reports what is missing on a new machine, in
// place of an unknown file extension or a missing package.
import { existsSync } from "node:fs";

const [, , name, ...values] = process.argv;
if (!existsSync(new URL("../node_modules/wrangler", import.meta.url))) {
  console.error("The packages are not installed. Run this once, then start again:\n\nnpm ci");
  process.exit(1);
}
// npm may have run no install scripts (`ignore-scripts`): then the Node of package.json is missing.
if (!process.features.typescript) {
  console.error(
    `Easel runs on the Node 24 that npm installs beside it; this is ${process.version}, because npm ran no install scripts.\n` +
      "Fetch it once, then start again:\n\nnpm rebuild node --ignore-scripts=false",
  );
  process.exit(1);
}
process.argv.splice(1, process.argv.length, `${name}.ts`, ...values);
await import(`./${name}.ts`);
