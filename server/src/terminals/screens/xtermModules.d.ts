// The packages' main files are CommonJS, which Node and the bundler read differently; their ES modules have no
// declarations of their own.
declare module '@xterm/headless/lib-headless/xterm-headless.mjs' {
  export * from '@xterm/headless';
}
declare module '@xterm/addon-unicode-graphemes/lib/addon-unicode-graphemes.mjs' {
  export * from '@xterm/addon-unicode-graphemes';
}
