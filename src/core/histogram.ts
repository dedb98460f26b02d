// The HDR histograms of Vertex: cells of 32 bits, and values from 1 to a highest one that is known
// beforehand. Of the package only the file of this class is read: the whole brings a decoder, a
// compressor and a WebAssembly module, which nobody here uses, and took a tenth of a node's start.

import int32 from 'hdr-histogram-js/dist/Int32Histogram.js'

export type Histogram = InstanceType<typeof int32.default>

/** @param digits significant digits that are kept of a value */
export function emptyHistogram(limits: { highest: number; digits: 1 | 2 | 3 }): Histogram {
  return new int32.default(1, limits.highest, limits.digits)
}
