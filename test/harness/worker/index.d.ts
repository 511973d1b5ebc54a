/** The type of the bundled Worker, which is in the folder of faulty.js at run time. */
export { default } from "../../../src/index.ts";
