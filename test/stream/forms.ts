/** A part of a form: its header lines, and what is in it. */
export type Part = [head: string, content: string | Uint8Array];

export const BOUNDARY = "----easel-7MA4YWxk";

/** A text field. */
export function field(name: string, value: string): Part {
  return [`Content-Disposition: form-data; name="${name}"`, value];
}

/** A file, of the type that SDKs give to bytes they know nothing of. */
export function file(name: string, content: string | Uint8Array, filename = "blob"): Part {
  const disposition = `Content-Disposition: form-data; name="${name}"; filename="${filename}"`;
  return [`${disposition}\r\nContent-Type: application/octet-stream`, content];
}

/** A form as a client writes it. */
export function form(parts: readonly Part[], boundary = BOUNDARY): Uint8Array {
  const pieces = parts.flatMap(([head, content]) => [`--${boundary}\r\n${head}\r\n\r\n`, content, "\r\n"]);
  return new Uint8Array(Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece))));
}
