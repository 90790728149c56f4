declare const __SITE_VERSION__: string;
declare const __SITE_FILES__: { path: string; integrity: string; bytes: number }[];
declare const __ENGINE_BYTES__: Record<string, number>;
