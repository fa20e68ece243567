/** A real Chromium for tests: Debian's package, driven by playwright-core, which downloads nothing. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { installCommand } from './tools.js';

const BINARY = '/usr/bin/chromium';

export async function startBrowser(): Promise<Browser & AsyncDisposable> {
  if (!existsSync(BINARY)) installCommand('chromium', 'chromium');
  // Root, as in a container, has no sandbox.
  return chromium.launch({ executablePath: BINARY, args: ['--no-sandbox'] });
}
