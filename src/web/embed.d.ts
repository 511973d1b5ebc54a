/** embed.js as text: it runs in browsers, and the Worker only sends it. */
declare const source: string;
export default source;
