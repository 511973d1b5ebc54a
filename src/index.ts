export default {
  fetch: async (_r: Request) => {
    const { readable, writable } = new IdentityTransformStream();
    const w = writable.getWriter();
    void (async () => { await w.write(new TextEncoder().encode("hi " + typeof Buffer + " " + typeof (Uint8Array.prototype as any).setFromBase64 + " " + typeof (Buffer.prototype as any).latin1Slice + " " + typeof scheduler)); await w.close(); })();
    return new Response(readable);
  },
} satisfies ExportedHandler;
