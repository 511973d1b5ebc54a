import { Buffer } from "node:buffer";
import { placeholder } from "../image/wire.ts";
import { BodyError } from "./body-error.ts";
import { Multipart, type PartSink } from "./multipart.ts";
import { pump } from "./pump.ts";

/** A form's fields as JSON would have them: text, or a list where the name repeats or ends in `[]`. */
export type Form = Record<string, string | string[]>;

export interface FormOptions {
  boundary: string;
  /** Where files go, whatever they are said to be, in the order they begin. */
  pictures: {
    /** `name` is what messages call it: `image`, or `image[1]` where there are several. */
    open(name: string): { write(bytes: Uint8Array): Promise<void>; finish(): Promise<void> };
    /** Awaited after each chunk: whoever stores may lag. */
    drain(): Promise<void>;
  };
  /** Bounds: the body, and all of its text together. */
  bytes: number;
  textBytes: number;
  /** As for `pump`. */
  signal?: AbortSignal;
  keepOnError?: boolean;
}

/** Parts of a form at most: pictures, and more fields than any client has. */
const PARTS = 100;

/**
 * The fields of a form (multipart/form-data) whose files go elsewhere as they come; in place of file k stands what stands
 * for picture k in JSON. Throws BadBody for what cannot be read.
 */
export async function readForm(body: ReadableStream<Uint8Array>, options: FormOptions): Promise<Form> {
  const fields = new Fields(options);
  const multipart = new Multipart(options.boundary, ({ name, filename }) =>
    filename === undefined ? fields.text(name) : fields.file(name, filename),
  );
  let received = 0;
  await pump(body, {
    signal: options.signal,
    keepOnError: options.keepOnError,
    preferLargeReads: () => multipart.inBody,
    each: async (chunk) => {
      received += chunk.length;
      if (received > options.bytes) throw new BodyError(`The body is over the limit of ${options.bytes} bytes.`, true);
      await multipart.push(chunk);
      await options.pictures.drain();
    },
  });
  multipart.end();
  return fields.all();
}

/** The fields read so far. */
class Fields {
  private readonly options: FormOptions;
  private readonly values = new Map<string, { list: boolean; values: string[] }>();
  private parts = 0;
  private pictures = 0;
  private textBytes = 0;

  constructor(options: FormOptions) {
    this.options = options;
  }

  all(): Form {
    const read = [...this.values].map(([name, { list, values }]) => [name, list ? values : (values[0] ?? "")] as const);
    return Object.fromEntries(read);
  }

  text(name: string): PartSink {
    const label = this.begin(name);
    const chunks: Uint8Array[] = [];
    return {
      write: (bytes) => {
        this.count(bytes.length, label);
        // Not slice(), which does not copy where they are a Buffer.
        chunks.push(new Uint8Array(bytes));
      },
      end: () => this.add(name, Buffer.concat(chunks).toString("utf8")),
    };
  }

  file(name: string, filename: string): PartSink {
    const label = this.begin(name);
    let upload: ReturnType<FormOptions["pictures"]["open"]> | undefined;
    return {
      write: (bytes) => {
        if (upload === undefined) {
          upload = this.options.pictures.open(label);
          this.add(name, placeholder(this.pictures++));
        }
        return upload.write(bytes);
      },
      end: async () => {
        // A file field that was left empty in a browser has neither a name nor a byte.
        if (upload === undefined && filename !== "") throw new BodyError(`${label} is an empty file.`, false, label);
        // Stored before the next one comes. Whoever collects all of them sees what storing them throws.
        await upload?.finish().catch((error: unknown) => {
          if (error instanceof BodyError) throw error;
        });
      },
    };
  }

  /** A part begins; returns what messages call it. */
  private begin(name: string): string {
    if (++this.parts > PARTS) throw new BodyError(`The form has more than ${PARTS} parts.`);
    const { field, list } = readName(name);
    const before = this.values.get(field)?.values.length ?? 0;
    const label = `${field.length > 40 ? `${field.slice(0, 40)}...` : field}${list || before > 0 ? `[${before}]` : ""}`;
    this.count(field.length, label);
    return label;
  }

  private count(bytes: number, label: string): void {
    const { textBytes } = this.options;
    this.textBytes += bytes;
    if (this.textBytes <= textBytes) return;
    throw new BodyError(`${label} is too long: the text of a form may have ${textBytes} bytes in all.`, true, label);
  }

  private add(name: string, value: string): void {
    const { field, list } = readName(name);
    const entry = this.values.get(field) ?? { list: false, values: [] };
    entry.values.push(value);
    entry.list ||= list || entry.values.length > 1;
    this.values.set(field, entry);
  }
}

function readName(name: string): { field: string; list: boolean } {
  return name.length > 2 && name.endsWith("[]")
    ? { field: name.slice(0, -2), list: true }
    : { field: name, list: false };
}
