import createDOMPurify from 'dompurify';
import { Marked } from 'marked';
import { t } from '../strings.ts';
import { readCodePath, readLinkTarget, type LinkTarget } from './links.ts';
import { dropHidden } from './visibleText.ts';

const allowedTags = [
  ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'ul', 'ol', 'li', 'pre', 'code', 'em'],
  ...['strong', 'del', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'input'],
];
const allowedAttributes = ['href', 'start', 'align', 'type', 'checked', 'disabled', 'data-language'];

const marked = new Marked({
  gfm: true,
  renderer: {
    // Raw HTML is shown as it was written; only a line break, which models use in table cells, is taken as one.
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text.trim()) ? '<br>' : escapeHtml(text)),
    // An image would be fetched, and tell its server what is being read: a link that the person may follow instead.
    image: ({ href, text }) => `<a href="${escapeHtml(href)}">${escapeHtml(t('image.alt', { alt: text || href }))}</a>`,
    code: ({ text, lang }) => {
      const language = /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? '';
      return `<pre><code data-language="${language}">${escapeHtml(text)}\n</code></pre>`;
    },
  },
});

const purifier = createDOMPurify(window);

/**
 * Turns one block of an answer into DOM that is safe to show: no scripts, styles, images or frames, and no link but to
 * the web or to a file. Links carry no `href` that the browser could follow; see `linkTargetOf`.
 */
export function renderMarkdown(source: string): DocumentFragment {
  const html = marked.parse(dropHidden(source), { async: false });
  const fragment = purifier.sanitize(html, {
    ALLOWED_TAGS: allowedTags,
    ALLOWED_ATTR: allowedAttributes,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    // Every link is judged below, by `readLinkTarget`, which knows file paths; nothing is followed by the browser.
    ALLOWED_URI_REGEXP: /^/,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll('a')) decorateLink(link);
  for (const code of fragment.querySelectorAll('code')) decorateCode(code);
  for (const box of fragment.querySelectorAll('input')) decorateCheckbox(box);
  return fragment;
}

const linkTargets = new WeakMap<Element, LinkTarget>();

/** Where a rendered link leads, or null for any other element. */
export function linkTargetOf(element: Element): LinkTarget | null {
  return linkTargets.get(element) ?? null;
}

function decorateLink(link: HTMLAnchorElement): void {
  const target = readLinkTarget(link.getAttribute('href') ?? '');
  link.removeAttribute('href');
  if (target === null) link.replaceWith(...link.childNodes);
  else makeLink(link, target);
}

function makeLink(link: HTMLElement, target: LinkTarget): void {
  linkTargets.set(link, target);
  link.classList.add('link');
  link.tabIndex = 0;
  link.setAttribute('role', 'link');
  link.title = target.kind === 'web' ? target.url : t('tool.openFile', { path: target.path });
}

function decorateCode(code: HTMLElement): void {
  const pre = code.parentElement;
  if (pre?.tagName !== 'PRE') {
    const target = readCodePath(code.textContent);
    if (target !== null && code.closest('.link') === null) makeLink(code, target);
    return;
  }
  const language = code.getAttribute('data-language') ?? '';
  const block = document.createElement('div');
  block.className = 'codeBlock';
  pre.replaceWith(block);
  const header = document.createElement('div');
  header.className = 'codeBlockHeader';
  const label = document.createElement('span');
  label.textContent = language;
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.className = 'iconButton codeBlockCopy';
  copy.title = t('code.copy');
  copy.setAttribute('aria-label', t('code.copy'));
  header.append(label, copy);
  pre.tabIndex = 0;
  block.append(header, pre);
}

function decorateCheckbox(box: HTMLInputElement): void {
  box.type = 'checkbox';
  box.disabled = true;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
