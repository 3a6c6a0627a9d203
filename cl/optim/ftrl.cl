#if SETUP
per_lr = lr > 0 ? 1 / lr : 0;
ridge += beta * per_lr;
#else
#if SQUARE_ROOT
const element last = sqrt(n + start), now = sqrt(n + start + g * g);
#else
const element last = pow(n + start, power), now = pow(n + start + g * g, power);
#endif
n += start + g * g;
z += g + shrink * w - (now - last) * per_lr * w;
w = lr > 0 ? (clamp(z, -l1, l1) - z) / (now * per_lr + ridge) : w;
#endif
