import type { WebglAddon } from '@xterm/addon-webgl';
import type { Terminal } from '@xterm/xterm';

/** Drawn by the processor, WebGL is several times slower than the browser's own text. */
const softwareRenderers = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * Lets the graphics card draw the terminal where there is one that does. Otherwise, and when the card's context is lost
 * later, xterm.js draws with elements of the page.
 */
export async function drawWithGpu(terminal: Terminal, isDisposed: () => boolean): Promise<void> {
  if (!hasGraphicsCard()) return;
  let addon: WebglAddon | undefined;
  try {
    const library = await import('@xterm/addon-webgl');
    if (isDisposed()) return;
    addon = new library.WebglAddon();
    addon.onContextLoss(() => addon?.dispose());
    terminal.loadAddon(addon);
  } catch {
    // The card refused, or its part of the view did not load: what is drawn already goes on being drawn as it was.
    addon?.dispose();
  }
}

function hasGraphicsCard(): boolean {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (!context) return false;
  const details = context.getExtension('WEBGL_debug_renderer_info');
  const renderer: unknown = details ? context.getParameter(details.UNMASKED_RENDERER_WEBGL) : '';
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return !softwareRenderers.test(String(renderer));
}
