/** The colours that VS Code gives to webviews as CSS variables, for the themes in which our views are looked at. */
export type ThemeName = 'dark' | 'light' | 'highContrast';

type Variables = Readonly<Record<string, string>>;

const fonts: Variables = {
  'font-family': '"Liberation Sans", system-ui, sans-serif',
  'font-size': '13px',
  'editor-font-family': '"Liberation Mono", monospace',
  'editor-font-size': '12px',
};

const dark: Variables = {
  foreground: '#cccccc',
  descriptionForeground: '#9d9d9d',
  errorForeground: '#f85149',
  'icon-foreground': '#cccccc',
  focusBorder: '#0078d4',
  'widget-border': '#313131',
  'widget-shadow': 'rgba(0, 0, 0, 0.36)',
  'button-background': '#0078d4',
  'button-foreground': '#ffffff',
  'button-hoverBackground': '#026ec1',
  'button-border': 'rgba(255, 255, 255, 0.1)',
  'button-secondaryBackground': 'rgba(0, 0, 0, 0)',
  'button-secondaryForeground': '#cccccc',
  'button-secondaryHoverBackground': '#2b2b2b',
  'chat-requestBorder': 'rgba(255, 255, 255, 0.1)',
  'chat-requestBubbleBackground': 'rgba(38, 79, 120, 0.3)',
  'editor-background': '#1f1f1f',
  'editor-foreground': '#cccccc',
  'editorWidget-background': '#202020',
  'input-background': '#313131',
  'input-foreground': '#cccccc',
  'input-border': '#3c3c3c',
  'input-placeholderForeground': '#989898',
  'inputValidation-infoBackground': '#063b49',
  'inputValidation-warningBackground': '#352a05',
  'inputValidation-warningBorder': '#b89500',
  'inputValidation-errorBackground': '#5a1d1d',
  'inputValidation-errorBorder': '#be1100',
  'list-hoverBackground': '#2a2d2e',
  'panel-background': '#181818',
  'quickInput-background': '#222222',
  'quickInput-foreground': '#cccccc',
  'sideBar-background': '#181818',
  'sideBar-foreground': '#cccccc',
  'terminal-foreground': '#cccccc',
  'terminal-ansiGreen': '#0dbc79',
  'terminal-ansiRed': '#cd3131',
  'textBlockQuote-background': '#2b2b2b',
  'textBlockQuote-border': '#616161',
  'textCodeBlock-background': '#2b2b2b',
  'textLink-foreground': '#4daafc',
  'textLink-activeForeground': '#4daafc',
  'textPreformat-background': '#3c3c3c',
  'textPreformat-foreground': '#d0d0d0',
  'textSeparator-foreground': '#21262d',
  'keybindingLabel-background': 'rgba(128, 128, 128, 0.17)',
  'keybindingLabel-border': 'rgba(51, 51, 51, 0.6)',
  'keybindingLabel-foreground': '#cccccc',
  'toolbar-hoverBackground': 'rgba(90, 93, 94, 0.31)',
};

const light: Variables = {
  ...dark,
  foreground: '#3b3b3b',
  descriptionForeground: '#3b3b3b',
  'icon-foreground': '#3b3b3b',
  focusBorder: '#005fb8',
  'widget-border': '#e5e5e5',
  'widget-shadow': 'rgba(0, 0, 0, 0.16)',
  'button-background': '#005fb8',
  'button-hoverBackground': '#0258a8',
  'button-border': 'rgba(0, 0, 0, 0.1)',
  'button-secondaryBackground': '#e5e5e5',
  'button-secondaryForeground': '#3b3b3b',
  'button-secondaryHoverBackground': '#cccccc',
  'chat-requestBorder': 'rgba(0, 0, 0, 0.1)',
  'chat-requestBubbleBackground': 'rgba(173, 206, 255, 0.3)',
  'editor-background': '#ffffff',
  'editor-foreground': '#3b3b3b',
  'editorWidget-background': '#f8f8f8',
  'input-background': '#ffffff',
  'input-foreground': '#3b3b3b',
  'input-border': '#cecece',
  'input-placeholderForeground': '#767676',
  'inputValidation-infoBackground': '#d6ecf2',
  'inputValidation-warningBackground': '#f6f5d2',
  'inputValidation-errorBackground': '#f2dede',
  'list-hoverBackground': '#f2f2f2',
  'panel-background': '#f8f8f8',
  'quickInput-background': '#f8f8f8',
  'quickInput-foreground': '#3b3b3b',
  'sideBar-background': '#f8f8f8',
  'sideBar-foreground': '#3b3b3b',
  'terminal-foreground': '#3b3b3b',
  'textBlockQuote-background': '#f8f8f8',
  'textBlockQuote-border': '#e5e5e5',
  'textCodeBlock-background': '#f0f0f0',
  'textLink-foreground': '#005fb8',
  'textLink-activeForeground': '#005fb8',
  'textPreformat-background': 'rgba(0, 0, 0, 0.12)',
  'textPreformat-foreground': '#3b3b3b',
  'keybindingLabel-background': 'rgba(221, 221, 221, 0.4)',
  'keybindingLabel-foreground': '#555555',
  'toolbar-hoverBackground': 'rgba(184, 184, 184, 0.31)',
};

/** High contrast leaves most backgrounds and shadows out and draws borders instead. */
const highContrast: Variables = {
  foreground: '#ffffff',
  descriptionForeground: 'rgba(255, 255, 255, 0.7)',
  errorForeground: '#f48771',
  'icon-foreground': '#ffffff',
  contrastBorder: '#6fc3df',
  contrastActiveBorder: '#f38518',
  focusBorder: '#f38518',
  'button-background': '#000000',
  'button-foreground': '#ffffff',
  'button-border': '#6fc3df',
  'button-secondaryForeground': '#ffffff',
  'editor-background': '#000000',
  'editor-foreground': '#ffffff',
  'editorWidget-background': '#0c141f',
  'input-background': '#000000',
  'input-foreground': '#ffffff',
  'input-border': '#6fc3df',
  'input-placeholderForeground': 'rgba(255, 255, 255, 0.7)',
  'inputValidation-warningBorder': '#6fc3df',
  'inputValidation-errorBorder': '#6fc3df',
  'inputValidation-errorBackground': '#000000',
  'panel-background': '#000000',
  'quickInput-background': '#0c141f',
  'quickInput-foreground': '#ffffff',
  'sideBar-background': '#000000',
  'sideBar-foreground': '#ffffff',
  'terminal-foreground': '#ffffff',
  'textBlockQuote-border': '#ffffff',
  'textCodeBlock-background': '#000000',
  'textLink-foreground': '#21a6ff',
  'textLink-activeForeground': '#21a6ff',
  'textPreformat-background': '#ffffff',
  'textPreformat-foreground': '#000000',
  'keybindingLabel-border': '#6fc3df',
  'keybindingLabel-foreground': '#ffffff',
};

const themes: Readonly<Record<ThemeName, Variables>> = { dark, light, highContrast };

const bodyClasses: Readonly<Record<ThemeName, string>> = {
  dark: 'vscode-dark',
  light: 'vscode-light',
  highContrast: 'vscode-high-contrast',
};

/** The value of `<html style>` that VS Code would write for a theme. */
export function themeStyle(theme: ThemeName): string {
  return Object.entries({ ...fonts, ...themes[theme] })
    .map(([name, value]) => `--vscode-${name}: ${value};`)
    .join(' ');
}

/** The class that VS Code would put on `<body>`. */
export function themeBodyClass(theme: ThemeName): string {
  return bodyClasses[theme];
}

/** Like the sheet that VS Code puts into every webview, in its own layer, so that our views are seen beside it. */
export const editorStyleSheet = `@layer vscode-default {
  body { background: var(--vscode-sideBar-background); color: var(--vscode-editor-foreground); padding: 0 20px; }
  a, a code { color: var(--vscode-textLink-foreground); }
  code { background: var(--vscode-textPreformat-background); color: var(--vscode-textPreformat-foreground);
    padding: 1px 3px; border-radius: 4px; font-family: monospace; }
  pre code { padding: 0; }
  blockquote { background: var(--vscode-textBlockQuote-background); border-color: var(--vscode-textBlockQuote-border); }
  kbd { background: var(--vscode-keybindingLabel-background); color: var(--vscode-keybindingLabel-foreground);
    border: 1px solid var(--vscode-keybindingLabel-border); border-radius: 3px; padding: 1px 3px; }
}`;
