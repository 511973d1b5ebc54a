/** The type of the bundled Worker, which lies beside faulty.js when that runs. */
export { default } from "../../../src/index.ts";
