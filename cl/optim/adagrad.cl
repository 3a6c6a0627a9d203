s += start + g * g;
#if INSIDE
w -= lr * g / sqrt(s + eps);
#else
w -= lr * g / (sqrt(s) + eps);
#endif
