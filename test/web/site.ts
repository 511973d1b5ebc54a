import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface File {
  body: string | Buffer;
  type: string;
  headers?: Record<string, string>;
}

/** A third-party site on loopback. */
export interface Site {
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  /** The same server under another host name, which is another origin. */
  elsewhere: string;
  /** Serve a file at a path; return the path. */
  put(path: string, file: File): string;
  stop(): Promise<void>;
}

export async function startSite(): Promise<Site> {
  const files = new Map<string, File>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://site");
    const file = files.get(pathname);
    // Browsers request the icon by themselves; a 404 would be logged in the console.
    if (file === undefined) return response.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
    return response.writeHead(200, { "content-type": file.type, ...file.headers }).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    elsewhere: `http://localhost:${port}`,
    put: (path, file) => {
      files.set(path, file);
      return path;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
