export function sign(preset: string, fields: Record<string, string | number>, kid: string, secret: string): string;
