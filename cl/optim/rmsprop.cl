s = rho * s + fresh * g * g;
#if CENTERED
mean += fresh_mean * (g - mean);
const element power = fmax(s - mean * mean, 0); // rounding may take it below
#else
const element power = s;
#endif
#if FROM_FIRST
const element scaled = power > 0 ? g / sqrt(power) : 0;
#elif INSIDE
const element scaled = g / sqrt(power + eps);
#else
const element scaled = g / (sqrt(power) + eps);
#endif
#if MOMENTUM && LR_IN_BUFFER
m = beta * m + lr * scaled;
w -= m;
#elif MOMENTUM
m = beta * m + scaled;
w -= lr * m;
#else
w -= lr * scaled;
#endif
