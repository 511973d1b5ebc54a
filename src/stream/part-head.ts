import { BadBody } from "./bad-body.ts";

/** What a part of a form says of itself. */
export interface PartHead {
  name: string;
  /** Absent for a text field; empty where a browser's file field was left empty. */
  filename?: string;
}

/** What a part without a file name is all the same; its bytes still tell which picture it is. */
const FILE_TYPE = /^(?:image\/|application\/octet-stream\b)/i;
/** One parameter of a header, its value in quotes or bare. */
const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))\s*/y;

/** Reads the header lines of a part (RFC 7578). Throws BadBody for one without a name. */
export function readPartHead(text: string): PartHead {
  const lines = text.split("\r\n");
  const header = (name: string) =>
    lines
      .find((line) => line.slice(0, name.length + 1).toLowerCase() === `${name}:`)
      ?.slice(name.length + 1)
      .trim() ?? "";
  const parameters = parametersOf(header("content-disposition"));
  const name = parameters.get("name") ?? "";
  if (name === "") throw new BadBody('A part of the form has no name: Content-Disposition needs name="...".');
  const filename = parameters.get("filename") ?? parameters.get("filename*");
  if (filename !== undefined) return { name, filename };
  return FILE_TYPE.test(header("content-type")) ? { name, filename: "blob" } : { name };
}

/** What stands between the parts of a form by its content type; undefined for another type. Throws BadBody without one. */
export function boundaryOf(contentType: string | null): string | undefined {
  if (contentType === null || !/^\s*multipart\/form-data\b/i.test(contentType)) return undefined;
  const boundary = parametersOf(contentType).get("boundary") ?? "";
  // RFC 2046 5.1.1 allows 70 characters.
  if (/^[\x20-\x7e]{1,200}$/.test(boundary)) return boundary;
  throw new BadBody("content-type must name the boundary, as in multipart/form-data; boundary=x.");
}

function parametersOf(header: string): Map<string, string> {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = header.includes(";") ? header.indexOf(";") : header.length;
  for (let found = PARAMETER.exec(header); found !== null; found = PARAMETER.exec(header)) {
    const [, name = "", quoted, bare = ""] = found;
    parameters.set(name.toLowerCase(), quoted === undefined ? bare.trim() : quoted.replace(/\\(["\\])/g, "$1"));
  }
  return parameters;
}
