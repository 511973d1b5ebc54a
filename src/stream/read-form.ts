import { Buffer } from "node:buffer";
import { placeholder } from "../image/wire.ts";
import { BodyError } from "./body-error.ts";
import { Multipart, type PartSink } from "./multipart.ts";
import { pump } from "./pump.ts";

/** The fields of a form in JSON form: a text, or a list if the name repeats or ends in `[]`. */
export type Form = Record<string, string | string[]>;

export interface FormOptions {
  boundary: string;
  /** The destination of files, of any declared type, in the order in which they begin. */
  pictures: {
    /** `name` is the field's name in messages: `image`, or `image[1]` if there are several. */
    open(name: string): { write(bytes: Uint8Array): Promise<void>; finish(): Promise<void> };
    /** Awaited after each chunk, because uploads may lag behind. */
    drain(): Promise<void>;
  };
  /** Limits of the body, and of all text in it together. */
  bytes: number;
  textBytes: number;
  /** As for `pump`. */
  signal?: AbortSignal;
  keepOnError?: boolean;
}

/** Maximum number of parts: the pictures, and more fields than any client sends. */
const MAX_PARTS = 100;

/**
 * Read the fields of a form (multipart/form-data). Files are stored as they arrive; file k is represented by the same
 * placeholder as picture k in JSON. Throws BodyError if the body cannot be read.
 */
export async function readForm(body: ReadableStream<Uint8Array>, options: FormOptions): Promise<Form> {
  const fields = new FieldCollector(options);
  const multipart = new Multipart(options.boundary, ({ name, filename }) =>
    filename === undefined ? fields.textSink(name) : fields.fileSink(name, filename),
  );
  let received = 0;
  await pump(body, {
    signal: options.signal,
    keepOnError: options.keepOnError,
    preferLargeReads: () => multipart.inBody,
    onChunk: async (chunk) => {
      received += chunk.length;
      if (received > options.bytes) throw new BodyError(`The body is over the limit of ${options.bytes} bytes.`, true);
      await multipart.push(chunk);
      await options.pictures.drain();
    },
  });
  multipart.end();
  return fields.toForm();
}

/** Collects the fields of a form. */
class FieldCollector {
  private readonly options: FormOptions;
  private readonly values = new Map<string, { list: boolean; values: string[] }>();
  private parts = 0;
  private pictures = 0;
  private textBytes = 0;

  constructor(options: FormOptions) {
    this.options = options;
  }

  toForm(): Form {
    const entries = [...this.values].map(
      ([name, { list, values }]) => [name, list ? values : (values[0] ?? "")] as const,
    );
    return Object.fromEntries(entries);
  }

  textSink(name: string): PartSink {
    const label = this.beginPart(name);
    const chunks: Uint8Array[] = [];
    return {
      write: (bytes) => {
        this.countText(bytes.length, label);
        // Not slice(): on a Buffer it does not copy.
        chunks.push(new Uint8Array(bytes));
      },
      end: () => this.addValue(name, Buffer.concat(chunks).toString("utf8")),
    };
  }

  fileSink(name: string, filename: string): PartSink {
    const label = this.beginPart(name);
    let upload: ReturnType<FormOptions["pictures"]["open"]> | undefined;
    return {
      write: (bytes) => {
        if (upload === undefined) {
          upload = this.options.pictures.open(label);
          this.addValue(name, placeholder(this.pictures++));
        }
        return upload.write(bytes);
      },
      end: async () => {
        // A browser sends a file field without a file with an empty name and no bytes.
        if (upload === undefined && filename !== "") throw new BodyError(`${label} is an empty file.`, false, label);
        // Stored before the next file begins. Errors of storing appear later, when all uploads are collected.
        await upload?.finish().catch((error: unknown) => {
          if (error instanceof BodyError) throw error;
        });
      },
    };
  }

  /** Count a new part; return its name in messages. */
  private beginPart(name: string): string {
    if (++this.parts > MAX_PARTS) throw new BodyError(`The form has more than ${MAX_PARTS} parts.`);
    const { field, list } = readName(name);
    const count = this.values.get(field)?.values.length ?? 0;
    const label = `${field.length > 40 ? `${field.slice(0, 40)}...` : field}${list || count > 0 ? `[${count}]` : ""}`;
    this.countText(field.length, label);
    return label;
  }

  private countText(bytes: number, label: string): void {
    const { textBytes } = this.options;
    this.textBytes += bytes;
    if (this.textBytes <= textBytes) return;
    throw new BodyError(`${label} is too long: the text of a form may have ${textBytes} bytes in all.`, true, label);
  }

  private addValue(name: string, value: string): void {
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
