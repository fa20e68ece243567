/** The last step of a bundle: what terser finds to shorten where esbuild does not look. Source maps go along. */
import { minify } from 'terser';

/** @returns {Promise<{ code: string, map: string | undefined }>} */
export async function shorten(name, code, map) {
  const shortened = await minify(code, {
    module: true,
    ecma: 2022,
    compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, lhs_constants: false },
    sourceMap: map === undefined ? false : { content: map, url: `${name}.map` },
  });
  return { code: shortened.code, map: shortened.map };
}
