/** Certificates of a test as files in a folder of their own, which is removed with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.js';

export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
}

export class CertificateFiles implements Disposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));

  /** Under the same name again: a renewal. */
  write(name: string, { certificate, key }: Certificate): CertificatePaths {
    const paths = { certificate: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
    writeFileSync(paths.certificate, certificate);
    writeFileSync(paths.key, key);
    return paths;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
