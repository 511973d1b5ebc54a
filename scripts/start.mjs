// If npm ran no install scripts (`ignore-scripts`), the Node of package.json is missing, and the machine's Node may not run
// TypeScript: report that instead of an unknown file extension.
if (!process.features.typescript) {
  console.error(
    `Easel runs on the Node 24 that npm installs beside it; this is ${process.version}, because npm ran no install scripts.\n` +
      "Fetch it once, then start again:\n\nnpm rebuild node --ignore-scripts=false",
  );
  process.exit(1);
}
await import("./start.ts");
