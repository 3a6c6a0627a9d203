#if SETUP
trust = w_norm > 0 && u_norm > 0 ? w_norm / u_norm : 1;
#else
m += new1 * (g - m);
v += new2 * (g * g - v);
u = m * c1 / (sqrt(v) * c2 + eps);
w -= lr * trust * u;
#endif
