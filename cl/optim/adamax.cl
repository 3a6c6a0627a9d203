m += new1 * (g - m);
#if INSIDE
u = fmax(beta2 * u, fabs(g) + eps);
w -= a * m / u;
#else
u = fmax(beta2 * u, fabs(g));
w -= a * m / (u + eps);
#endif
