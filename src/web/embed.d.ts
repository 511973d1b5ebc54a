/** embed.js as text: the Worker only serves it, browsers run it. */
declare const source: string;
export default source;
