m += new1 * (g - m);
v += new2 * (g * g - v);
#if AMSGRAD
vmax = fmax(vmax, v);
#define V vmax
#else
#define V v
#endif
#if INSIDE
w -= a * m / sqrt(V * c + eps);
#else
w -= a * m / (sqrt(V) * c + eps);
#endif
#undef V
