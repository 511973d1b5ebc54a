/** A form part: its header lines and its content. */
export type Part = [head: string, content: string | Uint8Array];

export const BOUNDARY = "----easel-7MA4YWxk";

/** Create a text field. */
export function field(name: string, value: string): Part {
  return [`Content-Disposition: form-data; name="${name}"`, value];
}

/** Create a file with the content type that SDKs use for bytes of unknown type. */
export function file(name: string, content: string | Uint8Array, filename = "blob"): Part {
  const disposition = `Content-Disposition: form-data; name="${name}"; filename="${filename}"`;
  return [`${disposition}\r\nContent-Type: application/octet-stream`, content];
}

/** Serialize a form as a client does. */
export function form(parts: readonly Part[], boundary = BOUNDARY): Uint8Array {
  const pieces = parts.flatMap(([head, content]) => [`--${boundary}\r\n${head}\r\n\r\n`, content, "\r\n"]);
  return new Uint8Array(Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece))));
}
