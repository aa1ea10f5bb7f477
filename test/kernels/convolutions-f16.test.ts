/** The convolutions with weights in f16, feature maps in f32 and f16. */
import { PRECISIONS } from './cases.js';
import { testConvolutions } from './convolutions.js';

testConvolutions(PRECISIONS.filter(({ weights }) => weights === 'f16'));
